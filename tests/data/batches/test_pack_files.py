from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitreous as vt
from vitreous.data.batches import pack_files
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.pack import pack
from vitreous.data.batches.pack_files import Block, pieces_of
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.cache import cache_folder
from vitreous.data.parted_rows import PartedRows

COUNT = 23
WINDOW = PixelContract(height=9, width=7, channels=3, exact=True)
BYTE = np.dtype(np.uint8)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, random = tmp_path_factory.mktemp("masked"), np.random.default_rng(0)
    for kind, high, channels in (("images", 256, 3), ("masks", 3, 1)):
        (root / kind).mkdir()
        for number in range(COUNT):
            pixels = random.integers(0, high, (9, 7, channels), np.uint8).squeeze()
            Image.fromarray(pixels).save(root / kind / f"{number}.png")
    return root


def parted(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, most: int = 1000):
    """Its pack in files of 1,000 bytes: 5 images of 189 bytes each."""
    monkeypatch.setattr(pack_files, "PART", most)
    return pack(vt.open(root), WINDOW, cache=cache)


@pytest.mark.parametrize("most", [1, 7, 10, 64, 100, 1000])
def test_every_row_has_one_place(most: int) -> None:
    """None overlap, files are no larger than asked unless a row is, and what fits is whole."""
    blocks = [Block(BYTE, (23, 3)), Block(np.dtype("<f4"), (23, 2)), Block(np.dtype("<i4"), (2, 2))]
    pieces = pieces_of(blocks, most)
    used: dict[int, int] = {}
    for number, block in enumerate(blocks):
        mine = [piece for piece in pieces if piece.block == number]
        assert sum(piece.count for piece in mine) == block.shape[0]
        assert len(mine) == 1 or block.size > most
    for piece in pieces:
        assert piece.start == used.get(piece.file, 0)
        used[piece.file] = piece.start + piece.count * blocks[piece.block].row
        assert used[piece.file] <= most or piece.count == 1
    assert [*used] == [*range(len(used))]


@pytest.mark.parametrize("most", [200, 1000, 3000])
def test_a_parted_pack_has_the_rows_of_a_whole_one(
    masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    whole = pack(vt.open(masked), WINDOW, cache=tmp_path / "whole")
    assert isinstance(whole.rows, np.ndarray)
    made = parted(masked, tmp_path / "parted", monkeypatch, most)
    assert isinstance(made.rows, PartedRows)
    files = [*(tmp_path / "parted" / "packs").glob("*.part")]
    assert len(files) >= -(-COUNT * 9 * 7 * 4 // most)
    assert all(file.stat().st_size <= most for file in files)
    monkeypatch.setattr(pack_files, "PART", 1 << 30)  # its own part size is in its index
    again = pack(vt.open(masked), WINDOW, cache=tmp_path / "parted")
    assert {*(tmp_path / "parted" / "packs").glob("*.part")} == {*files}
    for one in (made, again):
        ids = np.random.default_rng(0).integers(0, COUNT, (40,))
        np.testing.assert_array_equal(one.rows[ids], whole.rows[ids])
        np.testing.assert_array_equal(one.rows[3:9], whole.rows[3:9])
        np.testing.assert_array_equal(one.rows[-1], whole.rows[-1])
        maps = (each.targets["mask"].gather(ids) for each in (one, whole))
        np.testing.assert_array_equal(*maps)
        np.testing.assert_array_equal(one.frames.sizes, whole.frames.sizes)
    with pytest.raises(IndexError):
        made.rows[COUNT]


def test_batches_of_a_parted_pack(
    masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack(vt.open(masked), WINDOW, cache=tmp_path / "whole")
    made = parted(masked, tmp_path / "parted", monkeypatch)
    one, other = (
        Batches(each.rows, each.targets, np.arange(COUNT), WINDOW, batch_size=8)
        for each in (made, whole)
    )
    for a, b in zip(one.epoch(1), other.epoch(1), strict=True):
        assert a.ids.tolist() == b.ids.tolist()
        assert (a.images == b.images).all()
        assert (a.targets["mask"] == b.targets["mask"]).all()


@pytest.mark.parametrize("damage", ["gone", "short", "index"])
def test_a_pack_without_one_of_its_files_is_made_again(
    masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    made = parted(masked, tmp_path, monkeypatch)
    rows = made.rows[:]
    victim = made.path if damage == "index" else pack_files.part_path(made.path, 2)
    if damage == "short":
        victim.write_bytes(victim.read_bytes()[:-1])
    else:
        victim.unlink()
    again = parted(masked, tmp_path, monkeypatch)
    np.testing.assert_array_equal(again.rows[:], rows)
    assert victim.is_file()


def test_a_disk_that_fills_up_keeps_none_of_its_files(
    masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = iter(range(9))

    def full(_: int) -> None:
        if next(synced) == 6:  # a file and its folder are two
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("vitreous.atomic.os.fsync", full)
        made = parted(masked, tmp_path, monkeypatch)
    place = tmp_path / "packs"
    assert made.note.startswith(f"{place}: the disk is full: a pack needs 5.")
    assert not [*place.iterdir()]
    np.testing.assert_array_equal(made.rows[:], parted(masked, tmp_path, monkeypatch).rows[:])


def test_its_files_are_thrown_out_together(
    masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parted(masked, tmp_path, monkeypatch)
    place = made.path.parent
    newer = place / "newer.rows"
    newer.write_bytes(bytes(10))
    free = cache_folder.evict(place, 1000, free=999)
    assert [*place.iterdir()] == [newer]
    assert free >= 999 + COUNT * 9 * 7 * 4


def test_the_file_of_a_small_pack_is_as_it_always_was(tmp_path: Path) -> None:
    """Written here byte by byte: rows, a footer, its length, a mark."""
    blocks = [Block(BYTE, (3, 2, 2)), Block(np.dtype("<i4"), (3, 2))]
    images, sizes = np.arange(12, dtype=np.uint8), np.arange(6, dtype="<i4")
    footer = json.dumps({"shape": [3, 2, 2], "bad": [], "remarks": []}).encode()
    path = tmp_path / "a.rows"
    end = len(footer).to_bytes(8, "little") + b"vitreous"
    path.write_bytes(images.tobytes() + sizes.tobytes() + footer + end)
    found, (rows, pairs) = pack_files.read(path, blocks)
    assert found == json.loads(footer)
    np.testing.assert_array_equal(rows, images.reshape(3, 2, 2))
    np.testing.assert_array_equal(pairs, sizes.reshape(3, 2))
    made = tmp_path / "b.rows"
    pack_files.write(made, blocks, iter([rows, pairs]), lambda: json.loads(footer))
    assert made.read_bytes() == path.read_bytes()
