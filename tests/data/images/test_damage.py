"""Damage that a format or its decoder notices is an error, or told; never noise without a word."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from vitreous.data.check.check import check
from vitreous.data.images import png
from vitreous.data.images.decode import decode
from vitreous.data.images.decoder_warnings import HEARD, heard, judge
from vitreous.data.images.mask import read_mask
from vitreous.data.images.remarks import Remark, listening
from vitreous.errors import ImageError

needs_ears = pytest.mark.skipif(not HEARD, reason="not the GNU C library")


def photo(seed, side=160):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    waves = sum(
        np.sin(x[..., None] / rng.uniform(5, 40, 3) + y[..., None] / rng.uniform(5, 40, 3))
        for _ in range(4)
    )
    noise = rng.normal(0, 6, (side, side, 3))
    return Image.fromarray(np.clip(128 + 30 * waves + noise, 0, 255).astype(np.uint8))


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def hole(data, first=0.4, last=0.6):
    """The data with zeros in the middle."""
    first, last = int(len(data) * first), int(len(data) * last)
    return data[:first] + bytes(last - first) + data[last:]


def outcome(data, read=decode):
    """The error, or what was told."""
    with listening() as told:
        try:
            read(data)
        except ImageError as error:
            return error.message
    return set(told)


PNG = saved(photo(1).convert("L"), "PNG")
JPEG = {
    "baseline": saved(photo(2), "JPEG", quality=90),
    "progressive": saved(photo(2), "JPEG", quality=90, progressive=True),
    "restarts": saved(photo(2), "JPEG", quality=90, restart_marker_rows=1),
    "gray": saved(photo(2).convert("L"), "JPEG", quality=90),
    "ink": saved(photo(2).convert("CMYK"), "JPEG", quality=90),
}


def test_a_png_whose_checksum_is_another():
    for damaged in (
        hole(PNG),
        PNG[: len(PNG) // 2] + bytes(len(PNG) - len(PNG) // 2),
        PNG[:200] + bytes([PNG[200] ^ 1]) + PNG[201:],
    ):
        assert "checksum of IDAT is another" in outcome(damaged) or "truncated" in outcome(damaged)
    palette = saved(photo(3).quantize(16), "PNG")
    place = palette.index(b"PLTE") + 5
    assert "PLTE" in outcome(palette[:place] + b"\xaa" + palette[place + 1 :])
    mask = saved(Image.fromarray((np.arange(4096) % 5).reshape(64, 64).astype(np.uint8)), "PNG")
    place = mask.index(b"IDAT") + 20
    damaged = mask[:place] + bytes([mask[place] ^ 4]) + mask[place + 1 :]
    assert "checksum" in outcome(damaged, read_mask)


def chunk(content):
    """Pixels in a PNG."""
    body = b"IDAT" + content
    return len(content).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def test_a_png_whose_pixels_have_another_checksum_within(tmp_path, monkeypatch):
    """Only unpacking tells: that is left to check."""
    end = PNG.index(b"IEND") - 8  # of the checksum of the last chunk of pixels
    begin = PNG.index(b"IDAT")
    stream = PNG[begin + 4 : end]
    wrong = stream[-4:-1] + bytes([stream[-1] ^ 1])
    content = PNG[: begin - 4] + chunk(stream[:-4]) + chunk(wrong) + PNG[end + 4 :]
    assert outcome(content) == set()
    assert png.is_whole(PNG)
    assert not png.is_whole(content)
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            photo(ord(name) + number, 32).save(tmp_path / f"data/{name}/{number}.png")
    (tmp_path / "data/a/odd.png").write_bytes(content)
    assert check(tmp_path / "data").of("skipped").examples == ("a/odd.png",)


@needs_ears
@pytest.mark.parametrize("kind", JPEG)
def test_a_jpeg_with_a_hole_is_named(kind, capfd):
    for at_least in (0, 20):
        found = outcome(hole(JPEG[kind]), lambda data: decode(data, at_least=at_least))  # noqa: B023
        assert "damaged" in found or "lacks data" in found or Remark.SKIPPED in found
        assert outcome(JPEG[kind], lambda data: decode(data, at_least=at_least)) == set()  # noqa: B023
    assert capfd.readouterr().err == ""


def scans(data):
    """Where each scan of a JPEG begins."""
    start, found = 0, []
    while (start := data.find(b"\xff\xda", start + 1)) > 0:
        found.append(start)
    return found


def test_a_progressive_jpeg_that_was_cut_between_scans_is_told():
    data = JPEG["progressive"]
    for begin in scans(data)[1:]:
        assert outcome(data[:begin] + b"\xff\xd9") == {Remark.COARSE}
    assert outcome(data) == set()
    for other in (saved(photo(4).convert("L"), "JPEG", progressive=True), JPEG["baseline"]):
        assert outcome(other) == set()


@needs_ears
def test_cut_and_closed_is_an_error_for_ink_as_well(capfd):
    data = JPEG["ink"]
    assert "damaged" in outcome(data[: len(data) // 2] + b"\xff\xd9")
    assert "cut off" in outcome(data[: len(data) // 2])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("deep", [False, True])
def test_a_deflated_tiff_whose_checksum_is_another(deep, capfd):
    image = photo(5).convert("L")
    if deep:
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    data = saved(image, "TIFF", compression="tiff_adobe_deflate")
    assert outcome(data) == set()
    content = bytearray(data)
    content[len(data) // 2] ^= 8
    assert "damaged" in outcome(bytes(content))
    assert capfd.readouterr().err == ""


@needs_ears
@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "jpeg", "tiff_adobe_deflate"])
def test_nothing_is_printed_of_a_damaged_tiff(compression, capfd):
    data = saved(photo(6), "TIFF", compression=compression)
    for first in (0.1, 0.3, 0.5, 0.7):
        outcome(hole(data, first, first + 0.2))
        outcome(data[: int(len(data) * first)])
    assert capfd.readouterr().err == ""


@needs_ears
def test_the_line_of_a_library_becomes_the_reason():
    """libtiff says more than the number that Pillow gives."""
    data = saved(photo(6), "TIFF", compression="tiff_lzw")
    assert "LZW" in outcome(hole(data)) or "code" in outcome(hole(data))


@needs_ears
def test_each_thread_hears_its_own_images():
    good, bad = JPEG["baseline"], hole(JPEG["baseline"])
    found = {}

    def work(name, data):
        found[name] = [outcome(data) for _ in range(30)]

    threads = [
        threading.Thread(target=work, args=(number, bad if number % 2 else good))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, outcomes in found.items():
        assert len({str(each) for each in outcomes}) == 1
        assert (outcomes[0] == set()) is (number % 2 == 0)


@needs_ears
def test_standard_error_is_left_to_others():
    """What C code prints in another thread appears, and after decoding all is as it was."""
    program = """
import ctypes, sys, threading
from vitreous.data.images.decoder_warnings import heard
library = ctypes.CDLL(None)
def say(text):
    library.fputs(text, ctypes.c_void_p.in_dll(library, "stderr"))
library.fputs.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
with heard() as said:
    say(b"mine\\n")
    other = threading.Thread(target=say, args=(b"theirs\\n",))
    other.start()
    other.join()
    print("python", file=sys.stderr)
say(b"after\\n")
assert "".join(said) == "mine\\n", said
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()) == {"theirs", "python", "after"}


@needs_ears
def test_a_child_of_a_listener_prints_again():
    program = """
import ctypes, os
from vitreous.data.images.decoder_warnings import heard
library = ctypes.CDLL(None)
library.fputs.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
with heard() as said:
    child = os.fork()
    library.fputs(b"said ", ctypes.c_void_p.in_dll(library, "stderr"))
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
assert "".join(said) == "said ", said
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "said ")


def test_what_decoders_say_is_judged():
    def told(line):
        with listening() as remarks:
            judge([line])
        return remarks

    for line in (
        "Premature end of JPEG file\n",
        "Corrupt JPEG data: premature end of data segment\n",
        "Corrupt JPEG data: bad Huffman code\n",
        "Corrupt JPEG data: found marker 0xd9 instead of RST3\n",
    ):
        with pytest.raises(ImageError, match=f"is damaged: {line[:20]}"):
            judge([line[:5], line[5:]])
    assert told("Corrupt JPEG data: 3 extraneous bytes before marker 0xd9") == [Remark.SKIPPED]
    assert told("Corrupt JPEG data: 3 extraneous bytes before marker 0xdb") == []
    assert told("Warning: unknown JFIF revision number 2.01") == []
    assert told("something new") == [Remark.SKIPPED]
    assert told("") == []


def test_opencv_prints_what_others_decode(capfd):
    """The opposite: outside of the ears a line would be printed, so these tests can fail."""
    if HEARD:
        with heard():
            pass
    cv2.imdecode(np.frombuffer(hole(JPEG["baseline"]), np.uint8), cv2.IMREAD_COLOR)
    assert "JPEG data" in capfd.readouterr().err
    assert os.get_inheritable(2)
