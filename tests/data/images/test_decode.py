from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from vitreous.data.images.decode import decode, header
from vitreous.errors import ImageError, UsageError

rng = np.random.default_rng(0)
SMOOTH = cv2.resize(
    rng.integers(0, 256, (9, 12, 3), dtype=np.uint8), (120, 90), interpolation=cv2.INTER_CUBIC
)
GRAY = SMOOTH[:, :, 0].copy()


def saved(image, kind, **options):
    file = io.BytesIO()
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    image.save(file, kind, **options)
    return file.getvalue()


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def png_of_one_color(side):
    """A PNG of one color, made without its pixels in memory: rows of zeros compress to nothing."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * side)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


# Formats that lose nothing


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP", "JPEG2000"])
@pytest.mark.parametrize("image", [SMOOTH, GRAY], ids=["color", "gray"])
def test_lossless_formats_give_the_pixels_back(kind, image):
    options = {"WEBP": {"lossless": True}, "JPEG2000": {"irreversible": False}}.get(kind, {})
    decoded = decode(saved(image, kind, **options))
    if kind == "WEBP" and image is GRAY:  # WebP knows no gray
        image = np.repeat(GRAY[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(decoded, image.reshape(*image.shape[:2], -1))
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous


def test_a_path_and_a_picture_give_the_same_as_bytes(tmp_path):
    data = saved(SMOOTH, "JPEG")
    (tmp_path / "a.png").write_bytes(data)  # a wrong name does not matter
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.open(io.BytesIO(data))):
        np.testing.assert_array_equal(decode(source), decode(data))


def test_avif_if_this_pillow_knows_it():
    pytest.importorskip("PIL.AvifImagePlugin")
    assert np.abs(decode(saved(SMOOTH, "AVIF", quality=95)).astype(int) - SMOOTH).mean() < 4


# Modes


def test_an_avif_that_cannot_be_read_here_is_to_be_converted(monkeypatch):
    monkeypatch.setattr("vitreous.data.images.decode.FORMATS", frozenset({"PNG"}))
    with pytest.raises(ImageError) as caught:
        decode(b"\0\0\0\x1cftypavif" + bytes(100))
    assert "AVIF" in caught.value.message
    assert "Convert it" in caught.value.remedy


def test_alpha_lies_on_white():
    half = np.zeros((2, 3, 4), np.uint8)
    half[..., 0], half[..., 3] = 200, [[0, 128, 255]]
    image = decode(saved(half, "PNG"))
    expected = np.array([[255, 255, 255], [227, 127, 127], [200, 0, 0]])
    np.testing.assert_array_equal(image[0], expected)


def test_gray_with_alpha_stays_gray():
    pair = np.dstack([np.full((2, 2), 10, np.uint8), np.full((2, 2), 51, np.uint8)])
    assert decode(saved(Image.fromarray(pair, "LA"), "PNG")).tolist() == [[[206]] * 2] * 2


def test_palette_with_and_without_transparency():
    picture = Image.fromarray(np.array([[0, 1], [1, 2]], np.uint8), "P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    red, green, blue, white = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]
    assert decode(saved(picture, "PNG")).tolist() == [[red, green], [green, blue]]
    assert decode(saved(picture, "PNG", transparency=1)).tolist() == [[red, white], [white, blue]]
    faded = saved(picture, "PNG", transparency=bytes([255, 255, 0]))
    assert decode(faded).tolist() == [[red, green], [green, white]]


def test_sixteen_bits_keep_the_upper_eight():
    deep = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    expected = [[[0], [0], [1], [128], [255]]]
    for data in (saved(deep, "PNG"), saved(deep, "TIFF"), npy(deep), npy(deep.astype(">u2"))):
        assert decode(data).tolist() == expected
    color = np.repeat(deep[:, :, None], 3, axis=2)
    assert decode(tiff(color, photometric="rgb"))[..., :1].tolist() == expected


def test_sixteen_bit_pnm():
    data = b"P5 2 1 65535\n" + np.array([256, 65535], ">u2").tobytes()
    assert decode(data).tolist() == [[[1], [255]]]


def test_one_bit():
    bits = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert("1")
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        assert decode(saved(bits, kind)).tolist() == [[[0], [255], [255]]]


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_becomes_rgb(kind):
    ink = Image.fromarray(SMOOTH).convert("CMYK")
    data = saved(ink, kind, **({"quality": 95} if kind == "JPEG" else {}))
    assert header(data).mode == "CMYK"
    assert np.abs(decode(data, at_least=8).astype(int) - SMOOTH).mean() < 6


def test_float_tiff():
    assert decode(tiff(np.array([[0, 0.5, 1]], np.float32))).tolist() == [[[0], [128], [255]]]
    with pytest.raises(ImageError, match=r"floats from 0 to 7"):
        decode(tiff(np.array([[0, 7]], np.float32)))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (6, 4), color) for color in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (decode(data) == [255, 0, 0]).all()


# Channels


def test_gray_has_one_formula_on_every_route():
    data = saved(SMOOTH, "JPEG")
    color = decode(data).astype(float)
    gray = decode(data, channels=1)
    np.testing.assert_allclose(gray[..., 0], color @ [0.299, 0.587, 0.114], atol=0.51)
    again = decode(saved(decode(data), "PNG"), channels=1)
    np.testing.assert_array_equal(gray, again)


def test_gray_becomes_color_by_repetition():
    for kind in ("JPEG", "PNG"):
        image = decode(saved(GRAY, kind), channels=3)
        assert image.shape == (90, 120, 3)
        assert (image == image[..., :1]).all()
    assert decode(saved(GRAY, "JPEG")).shape == (90, 120, 1)


@pytest.mark.parametrize("channels", [2, 4, 6, 13])
def test_any_number_of_channels(channels):
    cube = rng.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    planes = np.moveaxis(cube, 2, 0)
    for data in (
        npy(cube),
        npy(np.asfortranarray(cube)),
        tiff(cube, photometric="minisblack", planarconfig="contig"),
        tiff(planes, photometric="minisblack", planarconfig="separate"),
        tiff(cube, photometric="minisblack", planarconfig="contig", compression="zlib"),
    ):
        np.testing.assert_array_equal(decode(data), cube)
        np.testing.assert_array_equal(decode(data, channels=channels), cube)
        assert header(data).channels == channels
        with pytest.raises(ImageError, match=f"{channels} channels where 3 are expected"):
            decode(data, channels=3)


@pytest.mark.parametrize("imagej", [False, True])
@pytest.mark.parametrize("channels", [6, 40])
def test_tiff_with_a_page_for_each_slice_of_an_array(channels, imagej):
    """The pages are the channels, also if they are more than columns."""
    cube = np.random.default_rng(0).integers(0, 256, (7, 9, channels), np.uint8)
    data = tiff(np.moveaxis(cube, 2, 0), imagej=imagej)
    assert header(data).channels == channels
    assert (header(data).height, header(data).width) == (7, 9)
    np.testing.assert_array_equal(decode(data), cube)


@pytest.mark.parametrize("imagej", [False, True])
def test_tiff_with_a_page_for_each_row_of_an_array(imagej):
    """What `imwrite` does with (H, W, C) when nothing is said about the channels."""
    cube = np.random.default_rng(0).integers(0, 256, (17, 19, 6), np.uint8)
    with pytest.raises(ImageError, match=r"17 pages of 6 × 19 .* the channels") as caught:
        decode(tiff(cube, imagej=imagej))
    assert "planarconfig='contig'" in caught.value.remedy
    named = tiff(cube, metadata={"axes": "YXC"})
    np.testing.assert_array_equal(decode(named), cube)
    pages = tiff(cube, metadata={"axes": "CYX"})
    np.testing.assert_array_equal(decode(pages), np.moveaxis(cube, 0, 2))


def test_tiff_of_color_and_more_keeps_all_channels():
    cube = rng.integers(0, 256, (5, 7, 5), dtype=np.uint8)
    data = tiff(cube, photometric="rgb", planarconfig="contig", extrasamples=[0, 0])
    np.testing.assert_array_equal(decode(data), cube)


def test_tiff_with_alpha_is_color():
    rgba = np.dstack([SMOOTH, np.full(GRAY.shape, 255, np.uint8)])
    data = tiff(rgba, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(decode(data), SMOOTH)


CUBE = np.random.default_rng(0).integers(0, 256, (7, 9, 6), np.uint8)
TIFFS = {
    "channels": tiff(CUBE, photometric="minisblack", planarconfig="contig"),
    "planes": tiff(np.moveaxis(CUBE, 2, 0), photometric="minisblack", planarconfig="separate"),
    "two channels": tiff(CUBE[..., :2], photometric="minisblack", planarconfig="contig"),
    "color and more": tiff(CUBE[..., :5], photometric="rgb", extrasamples=[0, 0]),
    "color of floats": tiff(CUBE[..., :3] / np.float32(255), photometric="rgb"),
    "slices": tiff(np.moveaxis(CUBE, 2, 0)),
    "slices of ImageJ": tiff(np.moveaxis(CUBE, 2, 0), imagej=True),
    "big": tiff(CUBE, photometric="minisblack", planarconfig="contig", bigtiff=True),
    "big-endian": tiff(CUBE, photometric="minisblack", planarconfig="contig", byteorder=">"),
    "color": tiff(SMOOTH, photometric="rgb"),
    "gray": tiff(GRAY),
    "gray floats": tiff(GRAY / np.float32(255)),
    "alpha": tiff(np.dstack([SMOOTH, GRAY]), photometric="rgb", extrasamples=["unassalpha"]),
    "pages": saved(SMOOTH, "TIFF", save_all=True, append_images=[Image.fromarray(SMOOTH)]),
    "cmyk": saved(Image.fromarray(SMOOTH).convert("CMYK"), "TIFF"),
    "palette": saved(Image.fromarray(SMOOTH).quantize(16), "TIFF"),
}


@pytest.mark.parametrize("name", TIFFS)
def test_without_tifffile_a_tiff_is_read_in_full_or_refused(name, monkeypatch):
    expected = decode(TIFFS[name])
    beyond = name in ("channels", "planes", "two channels", "color and more") or "slices" in name
    beyond |= name in ("big", "big-endian")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    if beyond:
        with pytest.raises(UsageError, match="needs the package tifffile") as error:
            decode(TIFFS[name])
        assert error.value.remedy == 'pip install "vitreous[tiff]"'
    else:
        np.testing.assert_array_equal(decode(TIFFS[name]), expected)


def test_arrays():
    assert decode(np.array([[True, False]])).tolist() == [[[255], [0]]]
    for kind in (np.float16, np.float32, np.float64):
        steps = (np.arange(256) / 255).astype(kind)[None]
        assert decode(steps)[0, :, 0].tolist() == list(range(256))
    np.testing.assert_array_equal(decode(npy(SMOOTH)), SMOOTH)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 2), np.int64), "type int64"),
        (np.full((2, 2), np.nan), "floats from nan"),
        (np.full((2, 2), -0.5), "floats from -0.5"),
        (np.full((2, 2), 200.0), "to 200"),
        (np.zeros(5, np.uint8), r"shape \(5,\)"),
        (np.zeros((1, 2, 3, 4), np.uint8), r"shape \(1, 2, 3, 4\)"),
        (np.zeros((0, 4), np.uint8), "no pixels"),
        (np.zeros((4, 4, 0), np.uint8), "no pixels"),
    ],
)
def test_arrays_that_are_no_images(array, reason):
    for source in (array, npy(array)):
        with pytest.raises(ImageError, match=reason) as caught:
            decode(source, where="a.npy")
        assert caught.value.where == "a.npy"
        assert caught.value.remedy


def test_an_array_of_objects_is_not_unpickled():
    with pytest.raises(ImageError, match="pickle"):
        decode(npy(np.array([[{}]], dtype=object), allow_pickle=True))


# EXIF


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_as_pillow_applies_it(orientation, kind):
    picture = Image.fromarray(SMOOTH)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(picture, kind, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    np.testing.assert_array_equal(decode(data), expected)
    reduced = decode(data, at_least=20)
    assert (reduced.shape[0] > reduced.shape[1]) == (orientation >= 5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_tiff_of_many_channels(orientation):
    """Its first three channels lie as Pillow turns a plain TIFF of them."""
    cube = np.dstack([SMOOTH, SMOOTH[..., :2]])
    tag = (0x0112, 3, 1, orientation, True)
    data = tiff(
        cube, photometric="rgb", planarconfig="contig", extrasamples=[0, 0], extratags=[tag]
    )
    plain = tiff(SMOOTH, photometric="rgb", extratags=[tag])
    found = decode(data)
    assert found.shape[2] == 5
    np.testing.assert_array_equal(found[..., :3], decode(plain))


def test_a_wrong_orientation_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 77
    data = saved(SMOOTH, "PNG", exif=exif)
    np.testing.assert_array_equal(decode(data), SMOOTH)


def test_damaged_metadata_do_not_damage_the_pixels():
    block = Image.Exif()
    block[0x0112] = 6
    block = block.tobytes()
    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", block[:12], block[:16], b"Exif\0\0"):
        assert decode(saved(SMOOTH, "JPEG", exif=exif)).shape == SMOOTH.shape


# JPEG scale


def test_jpeg_at_full_scale_equals_pillow():
    for options in ({}, {"progressive": True}, {"subsampling": 0}, {"keep_rgb": True}):
        data = saved(SMOOTH, "JPEG", **options)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.abs(decode(data).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("at_least", "shape"),
    [
        (0, (90, 120)),
        (1, (12, 15)),
        (12, (12, 15)),
        (13, (23, 30)),
        (24, (45, 60)),
        (46, (90, 120)),
    ],
)
def test_reduced_scale_keeps_the_shorter_side(at_least, shape):
    for image, channels in ((SMOOTH, 3), (GRAY, 1)):
        decoded = decode(saved(image, "JPEG"), at_least=at_least)
        assert decoded.shape == (*shape, channels)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_reduced_scale_is_the_same_image(scale):
    image = cv2.resize(SMOOTH, (192, 128), interpolation=cv2.INTER_CUBIC)
    decoded = decode(saved(image, "JPEG", subsampling=0), at_least=128 // scale)
    small = cv2.resize(image, (192 // scale, 128 // scale), interpolation=cv2.INTER_AREA)
    assert np.abs(decoded.astype(int) - small).mean() < 2


# Damage


@pytest.mark.parametrize("restart", [0, 4])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cut_anywhere_is_an_error(progressive, restart):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(SMOOTH, "JPEG", progressive=progressive, restart_marker_blocks=restart, exif=exif)
    for cut in range(1, len(data) - 1, 11):
        with pytest.raises(ImageError):
            decode(data[:cut])
    for cut in (len(data) - 2, len(data) - 1):
        with pytest.raises(ImageError, match=f"cut off after {cut:,} bytes"):
            decode(data[:cut])


@pytest.mark.parametrize("image", [SMOOTH, GRAY], ids=["color", "gray"])
def test_a_cut_jpeg_that_was_given_an_end_mark_is_an_error(image, capfd):
    data = saved(image, "JPEG")
    start = data.index(b"\xff\xda") + 20
    for cut in range(start, len(data) - 40, 23):
        for at_least in (0, 12):
            with pytest.raises(ImageError, match="lacks data for its last rows"):
                decode(data[:cut].rstrip(b"\xff") + b"\xff\xd9", at_least=at_least)


def test_a_preview_inside_the_header_is_not_the_end():
    preview = b"Exif\0\0" + saved(GRAY[:8, :8], "JPEG")
    data = saved(SMOOTH, "JPEG", exif=preview)
    start = data.index(b"\xff\xd9") + 2
    assert start < len(data) // 2
    for cut in (start, len(data) - 200):
        with pytest.raises(ImageError, match="cut off"):
            decode(data[:cut])
    assert decode(data).shape == SMOOTH.shape


def test_a_gray_corner_is_no_damage():
    plain = np.full((64, 64, 3), 128, np.uint8)
    for options in ({}, {"progressive": True}):
        assert (decode(saved(plain, "JPEG", **options)) == 128).all()


def test_bytes_after_the_end_do_not_matter():
    data = saved(SMOOTH, "JPEG")
    np.testing.assert_array_equal(decode(data + b"\0" * 100 + b"trailer"), decode(data))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000"])
def test_a_cut_file_is_an_error_or_whole(kind):
    """Some formats end in bytes that carry no pixels; nothing may come out half."""
    small = np.ascontiguousarray(SMOOTH[::3, ::3])
    data = saved(small, kind)
    whole = decode(data)
    damaged = 0
    for cut in range(0, len(data), max(1, len(data) // 150)):
        try:
            decoded = decode(data[:cut])
        except ImageError:
            damaged += 1
        else:
            if kind != "JPEG2000":  # whose first bytes are a coarse image by design
                np.testing.assert_array_equal(decoded, whole)
    assert damaged > 100


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no image"),
        (b"<!DOCTYPE html><html>Not found</html>", "a web page"),
        (b"\n\n  <HTML><head>", "a web page"),
        (b'<?xml version="1.0"?><svg xmlns=""/>', "an SVG drawing"),
        (b"PK\3\4" + bytes(50), "a zip archive"),
        (b"\x1f\x8b\x08" + bytes(50), "a gzip archive"),
        (b"%PDF-1.4", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript document"),
        (b"\0\0\0\x18ftypheic", "a HEIC photo"),
        (b"\0\0\0\x18ftypmp42", "a video"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\x80\4\x95", "a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b'{"error": "not found"}', "is text"),
        (bytes(1000), "zero bytes"),
        (bytes(range(256)), "no image format that is known"),
        (b"\x89PNG\r\n\x1a\n", "cannot be"),
        (b"\xff\xd8\xff\xe0", "damaged in its header"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "cut off"),
        (b"\x93NUMPY\1\0", "cannot be"),
        (b"II*\0\0\0\0\0", "cannot be"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(tmp_path, data, reason):
    path = tmp_path / "cat.jpg"
    path.write_bytes(data)
    reason = "the file is empty" if not data else reason
    for read in (decode, header):
        with pytest.raises(ImageError, match=reason) as caught:
            read(path)
        assert caught.value.where == str(path)
        assert caught.value.remedy


def test_places_without_an_image(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    expected = {
        "folder.jpg": "is a folder",
        "dangling.jpg": "link to a file that does not exist",
        "loop.jpg": "leads back to itself",
        "pipe.jpg": "not a regular file",
        "missing.jpg": "No such file",
    }
    for name, reason in expected.items():
        with pytest.raises(ImageError, match=reason):
            decode(tmp_path / name)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "secret.jpg"
    path.write_bytes(saved(SMOOTH, "JPEG"))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ImageError, match="permission denied"):
        decode(path)


def test_a_name_that_is_no_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(path, "wb") as file:
        file.write(saved(SMOOTH, "PNG"))
    np.testing.assert_array_equal(decode(os.fsdecode(path)), SMOOTH)
    with open(path, "wb"):
        pass
    with pytest.raises(ImageError) as caught:
        decode(os.fsdecode(path))
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    assert caught.value.where.endswith(r"caf\xe9.png")


def test_one_pixel_and_a_strip():
    assert decode(saved(SMOOTH[:1, :1], "PNG")).shape == (1, 1, 3)
    assert decode(saved(SMOOTH[:1, :1], "JPEG"), at_least=1).shape == (1, 1, 3)
    assert decode(saved(np.zeros((1, 5000, 3), np.uint8), "JPEG"), at_least=1).shape[0] == 1


def test_a_size_of_zero():
    with pytest.raises(ImageError):
        decode(b"P5 0 4 255\n")
    with pytest.raises(ImageError):
        decode(b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 0, 4, 1, 24, *[0] * 6))


OVERSIZED = {
    "png": lambda: png_of_one_color(20_000),
    "webp": lambda: b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xfe\x3f\0" * 2 + bytes(60),
    "gif": lambda: b"GIF89a" + struct.pack("<HHBBB", 65_000, 65_000, 0, 0, 0) + b"\x2c" + bytes(20),
    "bmp": lambda: (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 30_000, 30_000, 1, 24, *[0] * 6)
    ),
    "pnm": lambda: b"P6 100000 100000 255\n" + bytes(100),
    "npy": lambda: npy(np.zeros((1, 1), np.uint8)).replace(b"(1, 1), }", b"(70000,70000),}"),
    "tiff": lambda: tiff(
        np.zeros((16, 16, 6), np.uint8), photometric="minisblack", planarconfig="contig"
    ).replace(struct.pack("<HHII", 256, 4, 1, 16), struct.pack("<HHII", 256, 4, 1, 1 << 25)),
}


@pytest.mark.parametrize("kind", OVERSIZED)
def test_a_huge_claim_is_refused_before_decoding(tmp_path, kind):
    """A process of its own, because memory is measured at its highest point."""
    path = tmp_path / f"huge.{kind}"
    path.write_bytes(OVERSIZED[kind]())
    program = """
import resource, sys, time
from vitreous.data.images.decode import decode
from vitreous.errors import ImageError, UsageError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
try:
    decode(sys.argv[1])
except ImageError as error:
    print(time.process_time() - start)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(error.message)
"""
    if kind == "tiff":
        program = "import tifffile\n" + program
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    seconds, kib, message = done.stdout.split("\n", 2)
    assert "pixels are allowed" in message
    assert float(seconds) < 0.25
    assert int(kib) < 20 * 1024


def test_the_limit_is_in_pixels_not_bytes():
    with pytest.raises(ImageError, match="pixels are allowed"):
        decode(np.broadcast_to(np.uint8(0), (20_000, 20_000)))


def test_the_limit_in_bytes(monkeypatch):
    monkeypatch.setattr("vitreous.data.images.read_file.MAX_BYTES", 10)
    with pytest.raises(ImageError, match="10 are allowed"):
        decode(__file__)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"]),
    spots=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
)
def test_noise_in_a_file_never_raises_anything_else(kind, spots):
    data = bytearray(saved(SMOOTH[::4, ::4], kind))
    for place, value in spots:
        data[int(place * len(data))] = value
    try:
        image = decode(bytes(data), channels=3)
    except ImageError:
        pass
    else:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3


def test_header_tells_without_decoding():
    start = time.process_time()
    head = header(saved(np.zeros((3000, 3000), np.uint8), "PNG"))
    assert (head.format, head.height, head.width, head.channels, head.mode) == (
        "PNG",
        3000,
        3000,
        1,
        "L",
    )
    assert time.process_time() - start < 2
    assert header(npy(SMOOTH.astype(np.uint16))).mode == "uint16"


# Oddities that a decoder forgives


@pytest.mark.parametrize("junk", [bytes(3), b"\xff\xff", b"\xff\x00ab", b"\x12\xff\xff"])
def test_bytes_between_the_segments_of_a_jpeg_are_passed_over(junk):
    data = saved(SMOOTH, "JPEG")
    for marker in (b"\xff\xdb", b"\xff\xc0", b"\xff\xc4"):
        place = data.index(marker)
        odd = data[:place] + junk + data[place:]
        np.testing.assert_array_equal(decode(odd), decode(data))
        assert header(odd).width == 120


@pytest.mark.parametrize(("kind", "reason"), [(0xC3, "lossless"), (0xC5, "hierarchical")])
def test_a_jpeg_that_is_coded_otherwise_is_to_be_converted(kind, reason):
    data = bytearray(saved(SMOOTH, "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 1] = kind
    with pytest.raises(ImageError, match=f"is a JPEG that is {reason}") as caught:
        decode(bytes(data))
    assert "Convert it" in caught.value.remedy


def test_a_jpeg_of_twelve_bits_is_named():
    data = bytearray(saved(SMOOTH, "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    for read in (decode, header):
        with pytest.raises(ImageError, match="is a JPEG of 12 bits a value") as caught:
            read(bytes(data))
        assert "Convert it" in caught.value.remedy


@pytest.mark.parametrize("major", [b"mif1", b"msf1"])
def test_an_image_file_of_a_general_brand_is_told_by_the_others(major):
    pytest.importorskip("PIL.AvifImagePlugin")
    data = saved(SMOOTH, "AVIF")
    general = data[:8] + major + data[12:]
    assert b"avif" in general[16:64]
    if major == b"mif1":
        np.testing.assert_array_equal(decode(general), decode(data))
    assert header(general).format == "AVIF"
    for brands in (b"mif1heic", b"mif1hevc", b"mif1"):
        size = (16 + len(brands)).to_bytes(4)
        with pytest.raises(ImageError, match="is a HEIC photo"):
            decode(size + b"ftyp" + major + bytes(4) + brands + b"avif")
