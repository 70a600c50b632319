"""What is lost when an image is read is said: by the reader, by the pack and by check."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from vitreous.data.batches.pack import pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.check.check import check
from vitreous.data.formats.arrays import from_arrays
from vitreous.data.formats.open import open
from vitreous.data.images.decode import decode
from vitreous.data.images.mask import read_mask
from vitreous.data.images.remarks import Remark, listening, merged, tell
from vitreous.errors import DataError

RAMP = np.arange(24 * 32).reshape(24, 32)  # 768 shades
CONTRACT = PixelContract(height=16, width=16, channels=1)


def saved(image, kind, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, kind, **options
    )
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def deep(values, channels=1):
    """A PNG of 16 bits a value."""
    array = np.repeat(np.asarray(values, np.uint16)[:, :, None], channels, axis=2)
    return cv2.imencode(".png", array)[1].tobytes()


def twelve_bits(values):
    """A TIFF of one strip whose values take 12 bits each."""
    text = "".join(f"{value:012b}" for value in values.ravel())
    data = int(text, 2).to_bytes(len(text) // 8, "big")
    height, width = values.shape
    entries = [(256, 4, width), (257, 4, height), (258, 3, 12), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(data))]
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHII", tag, kind, 1, value)
    start = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return start + data + directory + bytes(4)


def told(source, **options):
    with listening() as remarks:
        decode(source, **options)
    return merged(remarks)


def clear(shade):
    """An image of one shade, whose shape is in its alpha."""
    image = np.full((24, 32, 4), shade, np.uint8)
    image[..., 3] = RAMP % 256
    return image


PALETTE = Image.fromarray((RAMP % 4).astype(np.uint8), "P")
PALETTE.putpalette([9, 9, 9] * 4)
LOST = {
    "8 of 16 bits": deep(RAMP % 200),
    "8 of 16 bits, color": deep(RAMP % 200, 3),
    "8 of 16 bits, alpha": saved(clear(255), "PNG"),
    "array": npy((RAMP % 200).astype(np.uint16)),
    "TIFF": tiff((RAMP % 200).astype(np.uint16)),
    "TIFF of color": tiff(
        np.repeat((RAMP % 200).astype(np.uint16)[:, :, None], 3, 2), photometric="rgb"
    ),
    "PNM": b"P5 32 24 65535\n" + (RAMP % 200).astype(">u2").tobytes(),
    "PNM of color": b"P6 32 24 65535\n" + np.repeat(RAMP % 100, 3, 1).astype(">u2").tobytes(),
    "JPEG 2000": cv2.imencode(
        ".jp2", np.uint16(np.repeat(np.kron(RAMP % 100, np.ones((4, 4)))[:, :, None], 3, 2))
    )[1].tobytes(),
    "floats": npy((RAMP / 1e6).astype(np.float32)),
    "float TIFF": tiff((RAMP / 1e6).astype(np.float32)),
    "white under alpha": saved(clear(255), "WEBP", lossless=True, exact=True),
    "gray under alpha": saved(Image.fromarray(clear(255)).convert("LA"), "PNG"),
    "palette": saved(PALETTE, "PNG"),
}
SHADES = {
    "12 of 16 bits": deep(RAMP * 5),
    "12 of 16 bits, color": deep(RAMP * 5, 3),
    "12 of 16 bits and a label": deep(np.where(RAMP < 9, 65535, RAMP * 5)),
    "little contrast": deep(30000 + RAMP),
    "array": npy((RAMP * 5).astype(np.uint16)),
    "TIFF": tiff((RAMP * 5).astype(np.uint16)),
    "floats": npy(RAMP / 768 * 0.05),
}
FINE = {
    "all of 16 bits": deep(RAMP * 85),
    "all of 16 bits, color": deep(RAMP * 85, 3),
    "few of 16 bits": deep(RAMP // 200 * 20000),
    "8 bits": saved((RAMP // 100).astype(np.uint8), "PNG"),
    "one color": deep(np.full((24, 32), 77)),
    "12 bits": twelve_bits(RAMP * 5),
    "floats of dark bytes": npy((RAMP % 12) / 255),
    "alpha": saved(clear(0), "PNG"),
    "nothing": saved(np.zeros((24, 32, 4), np.uint8), "PNG"),
}


@pytest.mark.parametrize("name", LOST)
def test_one_color_of_many_values_is_told(name):
    assert told(LOST[name]) == Remark.LOST
    assert len(np.unique(decode(LOST[name]))) == 1


@pytest.mark.parametrize("name", SHADES)
def test_few_shades_of_many_are_told(name):
    assert told(SHADES[name]) == Remark.SHADES


@pytest.mark.parametrize("name", FINE)
def test_nothing_is_told_where_nothing_is_lost(name):
    assert told(FINE[name]) == 0


def test_twelve_bits_keep_their_upper_eight():
    values = RAMP * 5
    np.testing.assert_array_equal(decode(twelve_bits(values))[:, :, 0], values >> 4)
    np.testing.assert_array_equal(read_mask(twelve_bits(RAMP % 9)), RAMP % 9)


def frames(kind, **options):
    images = [Image.fromarray((RAMP % 256).astype(np.uint8) // n).convert("P") for n in (1, 2, 3)]
    return saved(images[0], kind, save_all=True, append_images=images[1:], **options)


def test_further_images_are_told():
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        assert told(frames(kind)) == Remark.PAGES
        assert told(saved((RAMP % 256).astype(np.uint8), kind)) == 0
    assert told(tiff(np.stack([RAMP * 80] * 2).astype(np.uint16), photometric="minisblack")) == 0
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        for _ in range(2):
            writer.write((RAMP * 80).astype(np.uint16), metadata=None)
    assert told(pages.getvalue()) == Remark.PAGES
    with listening() as remarks:
        read_mask(frames("TIFF"))
    assert remarks == [Remark.PAGES]


def test_a_smaller_copy_is_no_further_image():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write((RAMP % 256).astype(np.uint8), metadata=None)
        writer.write((RAMP % 256).astype(np.uint8)[::2, ::2], subfiletype=1, metadata=None)
    assert told(file.getvalue()) == 0


def test_only_the_listener_of_this_thread_hears():
    with listening() as outer:
        with listening() as inner:
            tell(Remark.PAGES)
        tell(Remark.LOST)
    tell(Remark.COARSE)  # to nobody
    assert (inner, outer) == ([Remark.PAGES], [Remark.LOST])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two classes of ten sound images each."""
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(10):
            image = rng.integers(0, 256, (24, 32), np.uint8)
            (tmp_path / "data" / name / f"{number}.png").write_bytes(saved(image, "PNG"))
    return tmp_path / "data"


def test_the_pack_says_it_each_time(folder):
    (folder / "a/0.png").write_bytes(LOST["8 of 16 bits"])
    for number in (3, 5):
        (folder / f"b/{number}.png").write_bytes(SHADES["12 of 16 bits"])
        (folder / f"b/{number + 1}.png").write_bytes(frames("GIF"))
    for _ in range(2):
        lost, shades, pages = pack(open(folder), CONTRACT).remarks
        assert lost.startswith("1 image becomes one single color, though its values differ")
        assert "such as a/0.png" in lost
        assert shades.startswith("2 images keep 16 shades or fewer")
        assert pages.startswith("2 images hold more than one picture; the first is used")
    assert "Of 16 bits the upper 8 are kept" in shades


def test_images_that_all_become_one_color_are_refused(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(LOST["8 of 16 bits"])
    with pytest.raises(DataError, match="each of 20 images becomes one single color") as caught:
        pack(open(folder), CONTRACT)
    assert "save 8 bits a value" in caught.value.remedy


def test_check_says_it(folder):
    (folder / "a/0.png").write_bytes(LOST["8 of 16 bits"])
    (folder / "a/1.png").write_bytes(SHADES["12 of 16 bits"])
    (folder / "a/2.png").write_bytes(frames("GIF"))
    for _ in range(2):  # the second time from its ledger
        found = check(folder)
        assert found.of("lost").severity == "error"  # 1 of 20
        assert found.of("lost").examples == ("a/0.png",)
        assert found.of("shades").severity == "warning"
        assert found.of("shades").examples == ("a/1.png",)
        assert found.of("pages").severity == "note"
        assert found.of("pages").message.startswith("1 image holds more than one picture")
        assert found.of("constant") is None  # the file is not


def test_arrays_say_it_when_they_are_opened():
    images = np.stack([(RAMP % 200 + k).astype(np.uint16) for k in range(4)])
    with pytest.raises(DataError, match="all are 0 of 255") as caught:
        from_arrays(images, [0, 1, 0, 1])
    assert "save 8 bits a value" in caught.value.remedy
    (note,) = from_arrays(images * 10, [0, 1, 0, 1]).notes
    assert "keeps 16 shades or fewer" in note
    assert from_arrays(images * 200, [0, 1, 0, 1]).notes == ()


def test_masks_say_it(tmp_path, monkeypatch):
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    for name in ("images", "masks"):
        (tmp_path / "set" / name).mkdir(parents=True)
    mask = Image.fromarray((RAMP % 2).astype(np.uint8))
    for number in range(3):
        (tmp_path / f"set/images/{number}.png").write_bytes(saved(mask, "PNG"))
        pages = {"save_all": True, "append_images": [mask]} if number else {}
        mask.save(tmp_path / f"set/masks/{number}.tif", **pages)
    data = open(tmp_path / "set")
    contract = PixelContract(height=16, width=16, channels=1, exact=True)
    (remark,) = pack(data, contract).remarks
    assert remark.startswith("2 masks hold more than one picture; the first is used")


def test_depth_costs_nothing_where_there_is_none():
    """A PNG of 8 bits is not decoded a second time."""
    data = saved(np.zeros((4, 4, 3), np.uint8), "PNG")
    assert zlib.crc32(data)
    calls = []
    original = cv2.imdecode
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cv2, "imdecode", lambda *a: calls.append(a) or original(*a))
        decode(data)
    assert calls == []
