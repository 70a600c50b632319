"""TIFF as it is meant: types, photometric interpretations, byte orders and codecs, against the
numbers that were written.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from vitreous.data.images.decode import decode, header
from vitreous.data.images.mask import read_mask
from vitreous.errors import ImageError

rng = np.random.default_rng(0)
GRAY = rng.integers(0, 256, (12, 20), np.uint8)
COLOR = rng.integers(0, 256, (12, 20, 3), np.uint8)
TYPES = {
    "uint8": lambda image: image,
    "uint16": lambda image: image.astype(np.uint16) * 257,
    "float16": lambda image: (image / 255).astype(np.float16),
    "float32": lambda image: (image / 255).astype(np.float32),
    "float64": lambda image: image / 255,
}


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def set_tag(data, tag, value):
    """A short number in the first directory of a little-endian TIFF replaced."""
    content = bytearray(data)
    (place,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, place)
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, entry)[0] == tag:
            struct.pack_into("<H", content, entry + 8, value)
    return bytes(content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("meaning", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("kind", TYPES)
def test_gray_of_any_type(kind, meaning, compression, order):
    data = tiff(TYPES[kind](GRAY), photometric=meaning, compression=compression, byteorder=order)
    expected = GRAY if meaning == "minisblack" else 255 - GRAY
    np.testing.assert_array_equal(decode(data)[:, :, 0], expected)
    assert header(data).channels == 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("kind", TYPES)
def test_color_of_any_type(kind, planes, compression, order):
    array = TYPES[kind](COLOR)
    data = tiff(
        array if planes == "contig" else np.moveaxis(array, 2, 0),
        photometric="rgb", planarconfig=planes, compression=compression, byteorder=order,
    )  # fmt: skip
    np.testing.assert_array_equal(decode(data), COLOR)


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "uint32", "uint64", "int64"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("shape", [(12, 20), (12, 20, 3)])
def test_types_that_are_no_shades_are_refused(kind, compression, shape):
    array = rng.integers(0, 100, shape).astype(kind)
    data = tiff(array, photometric="rgb" if len(shape) == 3 else None, compression=compression)
    with pytest.raises(ImageError, match=f"holds values of type {kind}") as caught:
        decode(data)
    assert "uint16" in caught.value.remedy


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_masks_of_any_whole_numbers(kind):
    numbers = rng.integers(0, 100, (12, 20)).astype(kind)
    for compression in (None, "zlib"):
        for order in "<>":
            data = tiff(numbers, photometric="minisblack", compression=compression, byteorder=order)
            np.testing.assert_array_equal(read_mask(data), numbers)


def test_masks_with_white_as_zero_are_refused():
    with pytest.raises(ImageError, match="white as zero") as caught:
        read_mask(tiff(GRAY, photometric="miniswhite"))
    assert "minisblack" in caught.value.remedy
    bits = GRAY > 99
    np.testing.assert_array_equal(read_mask(tiff(bits, photometric="minisblack")), bits)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_alpha_lies_on_white(kind, planes):
    """Eight bits are Pillow's own; sixteen must agree with them."""
    rgba = np.dstack([COLOR, GRAY])
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"], "planarconfig": planes}
    array = TYPES[kind](rgba)
    found = decode(tiff(array if planes == "contig" else np.moveaxis(array, 2, 0), **options))
    expected = COLOR * (GRAY / 255)[..., None] + 255 - GRAY[..., None].astype(float)
    assert np.abs(found - expected).max() <= 1
    assert header(tiff(array, photometric="rgb", extrasamples=["unassalpha"])).channels == 3


def test_alpha_of_gray_and_alpha_that_is_multiplied_in():
    pair = np.dstack([GRAY, GRAY[::-1]]).astype(np.uint16) * 257
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    found = decode(tiff(pair, extrasamples=["unassalpha"], **options))[:, :, 0]
    alpha = GRAY[::-1] / 255
    assert np.abs(found - (GRAY * alpha + 255 * (1 - alpha))).max() <= 1
    darker = np.minimum(pair, pair[..., 1:])  # no color is above its alpha
    found = decode(tiff(darker, extrasamples=["assocalpha"], **options))[:, :, 0]
    expected = darker[..., 0] / 257 + 255 - GRAY[::-1]
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_orientation_is_that_of_eight_bits(kind, orientation):
    tag = {"extratags": [(0x0112, 3, 1, orientation, True)]}
    for image, meaning in ((GRAY, "minisblack"), (COLOR, "rgb")):
        expected = decode(tiff(image, photometric=meaning, **tag))
        np.testing.assert_array_equal(
            decode(tiff(TYPES[kind](image), photometric=meaning, **tag)), expected
        )


def lzw(channels, meaning=0):
    """Color and one more channel, compressed as by GIS programs: alpha is not named as such."""
    rgba = np.dstack([COLOR, GRAY])
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "TIFF", compression="tiff_lzw")
    return set_tag(file.getvalue(), 338, meaning), rgba[:, :, :channels]


def test_four_channels_of_a_codec_that_tifffile_lacks(monkeypatch):
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lack_codec)
    data, expected = lzw(4)
    np.testing.assert_array_equal(decode(data), expected)
    assert header(data).channels == 4


@pytest.mark.parametrize(
    "error",
    [
        ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package"),
        ModuleNotFoundError("No module named 'compression'"),  # of Python 3.14
    ],
)
def test_a_missing_codec_is_named_with_its_package(error, monkeypatch):
    def lack(*_, **__):
        raise error

    monkeypatch.setattr(tifffile.TiffPage, "asarray", lack)
    cube = rng.integers(0, 256, (12, 20, 6), np.uint8)
    data = tiff(cube, photometric="minisblack", planarconfig="contig")
    with pytest.raises(ImageError, match="needs the package imagecodecs") as caught:
        decode(data)
    assert 'pip install "vitreous[tiff]"' in caught.value.remedy


def lack_codec(*_, **__):
    raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_predictor_of_floats(order):
    """TIFF technical note 3: bytes of one significance stand together, as differences."""
    values = (COLOR[..., 0] / 255).astype(np.float32)
    rows = np.stack(
        [values.astype(">f4").view(np.uint8).reshape(12, 20, 4)[..., byte] for byte in range(4)], 1
    ).reshape(12, 80)
    coded = np.diff(rows, axis=1, prepend=np.uint8(0)).astype(np.uint8)
    plain = tiff(values, photometric="minisblack", byteorder=order, predictor=None)
    with tifffile.TiffFile(io.BytesIO(plain)) as file:
        place, size = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    packed = zlib.compress(coded.tobytes())
    assert len(packed) <= size
    data = bytearray(plain)
    data[place : place + len(packed)] = packed
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    entries = [bytes(data[start + 2 + 12 * k : start + 14 + 12 * k]) for k in range(count)]
    kept = {struct.unpack_from(f"{order}H", entry)[0]: entry for entry in entries}
    short = f"{order}HHIHH"
    kept[259] = struct.pack(short, 259, 3, 1, 8, 0)
    kept[317] = struct.pack(short, 317, 3, 1, 3, 0)
    kept[279] = struct.pack(f"{order}HHII", 279, 4, 1, len(packed))
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept[tag] for tag in sorted(kept))
    struct.pack_into(f"{order}I", data, 4, len(data))
    np.testing.assert_array_equal(
        decode(bytes(data) + directory + bytes(4))[:, :, 0], COLOR[..., 0]
    )


def test_what_pillow_does_not_know_is_to_be_converted():
    """Nothing is wrong with such a file."""
    data = tiff(COLOR.astype(np.uint16), photometric="cielab")
    with pytest.raises(ImageError, match="unknown pixel mode") as caught:
        decode(data)
    assert caught.value.remedy == "Convert it to JPEG or PNG."
