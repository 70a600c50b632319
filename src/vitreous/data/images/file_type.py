"""File type by magic bytes: told from the first bytes of a file and never from its name.

Images saved under a wrong name are read all the same, and an error about a web page saved as
`.jpg` can say that it is a web page. Offsets and values are those of the formats' own documents.
"""

from __future__ import annotations

from dataclasses import dataclass

UNPACK = "Unpack the archive first."
CONVERT = "Convert it to JPEG or PNG."
REMOVE = "Remove the file or fetch it again."


@dataclass(frozen=True)
class Signature:
    """One kind of file: the bytes `magic` stand at `offset`.

    decoder  name of the image format in the decoder's table; None if it is no image for us
    remedy   what to do with a file that is no image for us, or not with this Pillow
    """

    name: str
    offset: int
    magic: bytes
    decoder: str | None = None
    remedy: str = REMOVE


# The first row that fits decides, so special kinds stand above general ones.
SIGNATURES = (
    Signature("a JPEG image", 0, b"\xff\xd8\xff", "JPEG"),
    Signature("a PNG image", 0, b"\x89PNG\r\n\x1a\n", "PNG"),
    Signature("a GIF image", 0, b"GIF8", "GIF"),
    Signature("a WebP image", 8, b"WEBP", "WEBP"),
    Signature("a TIFF image", 0, b"II*\0", "TIFF"),
    Signature("a TIFF image", 0, b"MM\0*", "TIFF"),
    Signature("a TIFF image", 0, b"II+\0", "TIFF"),
    Signature("a TIFF image", 0, b"MM\0+", "TIFF"),
    Signature("a BMP image", 0, b"BM", "BMP"),
    Signature("a NumPy array", 0, b"\x93NUMPY", "NPY"),
    Signature("an AVIF image", 4, b"ftypavif", "AVIF", CONVERT),
    Signature("an AVIF image", 4, b"ftypavis", "AVIF", CONVERT),
    Signature("a JPEG 2000 image", 0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    Signature("a JPEG 2000 image", 0, b"\xff\x4f\xff\x51", "JPEG2000"),
    *(Signature("a PNM image", 0, b"P%d" % kind, "PPM") for kind in range(1, 7)),
    Signature("a HEIC photo", 4, b"ftyphei", remedy=CONVERT),
    Signature("a HEIC photo", 4, b"ftyphev", remedy=CONVERT),
    Signature("a HEIC photo", 4, b"ftypmif1", remedy=CONVERT),
    Signature("a HEIC photo", 4, b"ftypmsf1", remedy=CONVERT),
    Signature("a Photoshop document", 0, b"8BPS", remedy=CONVERT),
    Signature("an icon", 0, b"\0\0\1\0", remedy=CONVERT),
    Signature("a PDF document", 0, b"%PDF", remedy=CONVERT),
    Signature("a PostScript document", 0, b"%!PS", remedy=CONVERT),
    Signature("a JPEG XL image", 0, b"\xff\x0a", remedy=CONVERT),
    Signature("a JPEG XL image", 0, b"\0\0\0\x0cJXL \r\n\x87\n", remedy=CONVERT),
    Signature("a DICOM image", 128, b"DICM", remedy=CONVERT),
    Signature("an OpenEXR image", 0, b"\x76\x2f\x31\x01", remedy=CONVERT),
    Signature("a video", 4, b"ftyp", remedy="Extract its frames first."),
    Signature("a video", 0, b"\x1aE\xdf\xa3", remedy="Extract its frames first."),
    Signature("a zip archive", 0, b"PK\3\4", remedy=UNPACK),
    Signature("a gzip archive", 0, b"\x1f\x8b", remedy=UNPACK),
    Signature("a 7z archive", 0, b"7z\xbc\xaf\x27\x1c", remedy=UNPACK),
    Signature("a RAR archive", 0, b"Rar!", remedy=UNPACK),
    Signature("a pickle", 0, b"\x80\2", remedy="Pickles can run code and are never loaded."),
    Signature("a pickle", 0, b"\x80\4", remedy="Pickles can run code and are never loaded."),
    Signature("a pickle", 0, b"\x80\5", remedy="Pickles can run code and are never loaded."),
    Signature("an HDF5 file", 0, b"\x89HDF"),
    Signature("a program", 0, b"\x7fELF"),
    Signature(
        "a Git LFS pointer, not the image itself",
        0,
        b"version https://git-lfs",
        remedy="Run `git lfs pull` in that repository.",
    ),
)
TEXTS = (  # looked for in the first bytes, in lower case
    (b"<!doctype html", Signature("a web page (HTML)", 0, b"")),
    (b"<html", Signature("a web page (HTML)", 0, b"")),
    (b"<svg", Signature("an SVG drawing", 0, b"", remedy=CONVERT)),
    (b"<?xml", Signature("an XML document", 0, b"")),
)
TEXT = Signature("text", 0, b"", remedy="It is no image: remove it, or fetch the image again.")
ZEROS = Signature("nothing but zero bytes", 0, b"")
UNKNOWN = Signature("no image format that is known here", 0, b"", remedy=CONVERT)


def recognize(data: bytes) -> Signature:
    """The kind of file that begins with these bytes; about 512 of them are enough."""
    if data[4:12] in (b"ftypmif1", b"ftypmsf1"):  # any image: the brands behind it tell which
        data = data[:8] + _coded_as(data) + data[12:]
    for signature in SIGNATURES:
        if data.startswith(signature.magic, signature.offset):
            return signature
    head = data[:512]
    for word, signature in TEXTS:
        if word in head.lower():
            return signature
    if not head.strip(b"\0"):
        return ZEROS
    if not any(byte < 9 or 13 < byte < 32 or byte == 127 for byte in head):
        return TEXT
    return UNKNOWN


def _coded_as(data: bytes) -> bytes:
    """The first brand of an image file of ISO/IEC 23008-12 that names its coding."""
    end = min(int.from_bytes(data[:4]), 512)
    brands = (data[place : place + 4] for place in range(16, end, 4))
    return next((brand for brand in brands if brand[:3] in (b"avi", b"hei", b"hev")), data[8:12])
