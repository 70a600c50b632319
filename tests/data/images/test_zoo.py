"""A folder with every kind of damage and oddity, led through opening, splitting and checking.

Each specimen is either read or named with its path and the reason; nothing else happens.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from vitreous.data.batches.pack import pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.check.check import check
from vitreous.data.dataset import Part
from vitreous.data.formats.class_folders import open_folder
from vitreous.data.splits.split import split
from vitreous.errors import DataError, ImageError

rng = np.random.default_rng(0)


def picture(seed=0, size=(40, 30)):
    rough = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def oriented(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return saved(picture(value), "JPEG", exif=exif)


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cat.jpg", saved(picture(), "JPEG"))
    return file.getvalue()


def many_channels(**options):
    file = io.BytesIO()
    array = rng.integers(0, 256, (30, 40, 6), dtype=np.uint8)
    tifffile.imwrite(file, array, photometric="minisblack", planarconfig="contig", **options)
    return file.getvalue()


def many_bits(kind=np.uint16, **options):
    file = io.BytesIO()
    top = 65535 if kind == np.uint16 else 1
    tifffile.imwrite(file, (rng.random((30, 40)) * top).astype(kind), **options)
    return file.getvalue()


def hole(data):
    return data[: len(data) // 2] + bytes(40) + data[len(data) // 2 + 40 :]


def claims(side):
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n\0\0\0\r"
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\0\x40IDAT"
    )


def one_color(side):
    """A whole PNG of side × side white or black pixels in a few kilobytes."""
    data = b"IDAT" + zlib.compress(bytes(side * (side // 8 + 1)))
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


JPEG, PNG = saved(picture(1), "JPEG"), saved(picture(2), "PNG")
FRAMES = [picture(seed) for seed in (3, 4, 5)]
ANIMATED = {"save_all": True, "append_images": FRAMES[1:]}
DEEP = Image.fromarray(rng.integers(0, 65536, (30, 40)).astype(np.uint16))
CLEAR = picture(6).convert("RGBA")
CLEAR.putalpha(100)

# name: content; all of these are images
FINE = {
    "plain.jpg": JPEG,
    "plain.png": PNG,
    "wrong extension.png": saved(picture(7), "JPEG"),
    "no such case.JPEG": saved(picture(8), "JPEG", progressive=True),
    "cmyk.jpg": saved(picture(9).convert("CMYK"), "JPEG"),
    "sixteen bits.png": saved(DEEP, "PNG"),
    "sixteen bits.tif": saved(DEEP, "TIFF"),
    "one bit.png": saved(picture(10).convert("1"), "PNG"),
    "palette with alpha.png": saved(CLEAR.quantize(16), "PNG"),
    "alpha.webp": saved(CLEAR, "WEBP"),
    "gray and alpha.png": saved(CLEAR.convert("LA"), "PNG"),
    "animated.gif": saved(FRAMES[0], "GIF", **ANIMATED),
    "animated.webp": saved(FRAMES[0], "WEBP", **ANIMATED),
    "pages.tiff": saved(FRAMES[0], "TIFF", **ANIMATED),
    "one pixel.png": saved(picture(size=(1, 1)), "PNG"),
    "strip.png": saved(picture(size=(400, 1)), "PNG"),
    "trailing bytes.jpg": saved(picture(11), "JPEG") + b"\0" * 99,
    "floats.npy": (lambda file: (np.save(file, rng.random((30, 40, 3))), file.getvalue())[1])(
        io.BytesIO()
    ),
    "junk in the header.jpg": JPEG[:20] + bytes(3) + JPEG[20:],
    "white is zero.tif": many_bits(photometric="miniswhite"),
    "big-endian.tif": many_bits(byteorder=">", compression="zlib"),
    "doubles.tif": many_bits(np.float64),
    "general.avif": (lambda data: data[:8] + b"mif1" + data[12:])(saved(picture(13), "AVIF")),
    **{f"exif {value}.jpg": oriented(value) for value in range(1, 9)},
}

# name: content and the reason why it cannot be read
DAMAGED = {
    "empty.jpg": (b"", "the file is empty"),
    "cut in the header.jpg": (JPEG[:100], "cut off or damaged in its header"),
    "cut in the middle.jpg": (JPEG[: len(JPEG) * 3 // 4], "is cut off after"),
    "without its end.jpg": (JPEG[:-2], "is cut off after"),
    "cut and closed.jpg": (JPEG[: -len(JPEG) // 4] + b"\xff\xd9", "lacks data for its last rows"),
    "cut.png": (PNG[: len(PNG) // 2], "truncated"),
    "cut early.png": (PNG[:20], "cannot be decoded"),
    "cut.gif": (saved(picture(), "GIF")[:300], "cannot be decoded"),
    "cut.webp": (saved(picture(), "WEBP")[:80], "cannot be decoded"),
    "web page.jpg": (b"<!DOCTYPE html><title>404</title>", "is a web page"),
    "archive.png": (zipped(), "is a zip archive"),
    "text.jpg": (b"to be uploaded", "is text"),
    "lfs.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
    "zeros.jpg": (bytes(4096), "nothing but zero bytes"),
    "noise.jpg": (rng.bytes(4096), "no image format"),
    "size zero.ppm": (b"P6 0 0 255\n", "cannot be decoded|no pixels"),
    "huge claim.png": (claims(20_000), "100,000,000 pixels are allowed"),
    "huge.png": (one_color(20_000), "100,000,000 pixels are allowed"),
    "six channels.tif": (many_channels(), "6 channels where 3 are expected"),
    "hole.png": (hole(PNG), "checksum of IDAT is another"),
    "zero tail.png": (PNG[: len(PNG) // 2] + bytes(len(PNG) // 2), "checksum|truncated"),
    "hole.tif": (hole(saved(picture(14), "TIFF", compression="tiff_deflate")), "TIFF is damaged"),
    "cut ink.jpg": (FINE["cmyk.jpg"][:-200] + b"\xff\xd9", "lacks data|damaged|cut off"),
    "twelve bits.jpg": (JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "12 bits"),
    "signed.tif": (many_bits(np.int8), "type int8"),
    "wide.tif": (many_bits(np.uint32), "type uint32"),
    "channels first.npy": ((lambda file: (np.save(file, np.zeros((3, 30, 40), np.uint8)),
                            file.getvalue())[1])(io.BytesIO()), "channels seem to come first"),
    "objects.npy": (b"\x93NUMPY\1\0\x46\0{'descr': '|O', 'fortran_order': False, "
                    b"'shape': (2, 2), }          \n", "cannot be decoded|pickle"),
}  # fmt: skip

# made by hand below
PLACES = {
    "folder.jpg": "is a folder",
    "dangling.jpg": "link to a file that does not exist",
    "loop.jpg": "leads back to itself",
    "pipe.jpg": "not a regular file",
}
ODD_NAME = b"caf\xe9 \xff.jpg"


@pytest.fixture
def zoo(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "zoo"
    for folder in ("odd", "plain", "Plain"):
        (root / folder).mkdir(parents=True)
    for number in range(12):
        for folder in ("plain", "Plain"):
            name = root / folder / f"{number}.jpg"
            name.write_bytes(saved(picture(100 + number + 50 * (folder == "plain")), "JPEG"))
    for name, content in FINE.items():
        (root / "odd" / name).write_bytes(content)
    for name, (content, _) in DAMAGED.items():
        (root / "odd" / name).write_bytes(content)
    (root / "odd/folder.jpg").mkdir()
    (root / "odd/dangling.jpg").symlink_to("nowhere.jpg")
    (root / "odd/loop.jpg").symlink_to("loop.jpg")
    (root / "odd/around").symlink_to(root)
    os.mkfifo(root / "odd/pipe.jpg")
    with open(os.fsencode(root) + b"/odd/" + ODD_NAME, "wb") as file:
        file.write(saved(picture(12), "JPEG"))
    return root


REASONS = {name: reason for name, (_, reason) in DAMAGED.items()} | PLACES


def test_there_are_enough_kinds():
    assert len(FINE) + len(REASONS) > 40
    assert len(REASONS) >= 20


def test_every_specimen_is_read_or_named(zoo):
    data = open_folder(zoo)
    read = set()
    for index in range(len(data)):
        name = Path(data.id(index)).name
        if name in REASONS:
            with pytest.raises(ImageError, match=REASONS[name]) as caught:
                data.read(index)
            assert name in caught.value.where
        else:
            image = data.read(index)
            assert image.dtype == np.uint8
            assert image.shape[2] == 3
            read.add(name)
    assert set(FINE) <= read
    assert os.fsdecode(ODD_NAME) in read


def test_the_split_names_what_cannot_even_be_hashed(zoo):
    data = open_folder(zoo)
    result = split(data)
    assert {Path(image.id).name for image in result.unreadable} == {"empty.jpg", *PLACES}
    for image in result.unreadable:
        assert result.parts[image.index] == Part.UNASSIGNED
    assert len(result.indices(Part.TRAIN)) > 20


def test_the_pack_leaves_them_out(zoo):
    data = open_folder(zoo)
    packed = pack(data, PixelContract(height=16, width=16, channels=3))
    assert {Path(image.id).name for image in packed.bad} == set(REASONS)
    assert np.count_nonzero(packed.good) == len(data) - len(REASONS)
    with pytest.raises((ImageError, DataError)):
        pack(data, PixelContract(height=16, width=16, channels=3), bad_images="raise")


def test_check_names_them_all(zoo):
    findings = check(zoo)
    assert findings.fatal
    told = findings.of("damaged").examples
    assert len(told) == len(REASONS)
    for name in REASONS:
        assert any(line.startswith(f"odd/{name}: ") for line in told), name
    notes = " ".join(finding.message for finding in findings.found if finding.kind == "opening")
    assert "Plain, plain" in notes
    assert "odd/around" in notes
    assert findings.text().encode()  # no name is left that cannot be printed


def test_a_file_that_may_not_be_read_is_named(zoo, monkeypatch):
    really = open

    def refuse(path, *arguments, **options):
        if str(path).endswith("plain.png"):
            raise PermissionError(13, "Permission denied")
        return really(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", refuse)
    data = open_folder(zoo)
    bad = {Path(image.id).name: image.reason for image in split(data).unreadable}
    assert bad["plain.png"] == "may not be read: permission denied"
