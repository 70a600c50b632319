from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import torch
from scipy import ndimage

from vitreous.augment import Augment, named_policy
from vitreous.data.batches import batches as module
from vitreous.data.batches.batches import Batches
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.boxes import Boxes
from vitreous.data.columns import ClassNumbers, Marks
from vitreous.data.maps import Maps
from vitreous.data.points import Points
from vitreous.errors import ShapeError, UsageError

CONTRACT = PixelContract(height=12, width=10, channels=3)
POLICIES = {
    "none": None,
    "tiny": Augment(flip=0.5, shift=0.1),
    "all": Augment(
        **{"flip": 0.5, "crop": 0.5, "shift": 0.1, "rotate": 20, "perspective": 0.1},
        **{"brightness": 0.3, "saturation": 0.3, "noise": 0.1, "erase": 0.5},
        **{"mixup": 0.4, "cutmix": 1.0},
    ),
    "chosen": named_policy("randaugment", contract=CONTRACT),
    "chains": named_policy("augmix", contract=CONTRACT),
}


def examples(count, contract=CONTRACT, seed=0):
    random = np.random.default_rng(seed)
    rows = random.integers(0, 256, (count, *contract.shape), np.uint8)
    return rows, random.integers(0, 4, count)


def numbers(targets, classes=4):
    return {"class": ClassNumbers(targets, [str(number) for number in range(classes)])}


def make(count=50, *, size=8, **arguments):
    rows, targets = examples(count)
    given = {"indices": np.arange(count), "contract": CONTRACT} | arguments
    indices, contract = given.pop("indices"), given.pop("contract")
    return Batches(rows, numbers(targets), indices, contract, batch_size=size, **given)


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.ids, b.ids)
        assert a.targets.keys() == b.targets.keys()
        assert all(torch.equal(a.targets[name], b.targets[name]) for name in a.targets)
        assert torch.equal(a.images, b.images)


def test_evaluation_is_the_contract_and_nothing_else():
    rows, targets = examples(50)
    indices = np.array([7, 3, 3, 20, 49, 0, 11])
    batches = make(indices=indices, shuffle=False, size=3)
    whole = list(batches.epoch(0))
    assert [len(batch) for batch in whole] == [3, 4]
    images = torch.cat([batch.images for batch in whole])
    assert torch.equal(images, CONTRACT.images(rows[indices]))
    assert (
        torch.cat([batch.targets["class"] for batch in whole]).tolist() == targets[indices].tolist()
    )
    assert torch.cat([batch.ids for batch in whole]).tolist() == indices.tolist()
    assert all(batch.weights is None for batch in whole)
    same(whole, list(batches.epoch(5)))


def test_indices_may_be_read_only_and_stay_as_they_are():
    indices = np.arange(20)
    indices.flags.writeable = False
    for batch in make(20, indices=indices, shuffle=False).epoch(0):
        batch.ids.zero_()
    np.testing.assert_array_equal(indices, np.arange(20))


def test_a_batch_is_what_a_network_takes():
    (batch, *_) = make().epoch(0)
    assert batch.images.shape == (8, 3, 12, 10)
    assert batch.images.dtype == torch.float32
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.targets["class"].dtype == batch.ids.dtype == torch.int64


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("count", range(1, 20))
def test_every_example_comes_once_and_no_tail_of_one(count, size):
    batches = make(count, size=size)
    sizes = [len(batch) for batch in batches.epoch(0)]
    ids = torch.cat([batch.ids for batch in batches.epoch(0)])
    assert len(batches) == len(sizes)
    assert sorted(ids.tolist()) == list(range(count))
    assert all(length == size for length in sizes[:-1])
    if size > 1 and count > 1:
        assert 2 <= sizes[-1] <= size + 1
        assert (sizes[-1] == size + 1) == (count % size == 1 and count > size)


def test_no_examples_make_no_batches():
    batches = make(indices=np.array([], np.int64))
    assert len(batches) == 0
    assert list(batches.epoch(0)) == []


def test_batch_normalization_survives_every_tail():
    norm = torch.nn.BatchNorm1d(3)
    for count in range(2, 30):
        for batch in make(count, size=4).epoch(0):
            norm(batch.images.mean((2, 3)))


def test_the_order_changes_by_epoch_and_seed_alone():
    def ids(seed, epoch):
        return torch.cat([batch.ids for batch in make(seed=seed).epoch(epoch)]).tolist()

    assert ids(0, 3) == ids(0, 3)
    assert ids(0, 3) != ids(0, 4)
    assert ids(0, 3) != ids(1, 3)
    assert sorted(ids(0, 3)) == list(range(50))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("balance", ["none", "sampler"])
def test_threads_blocks_and_prefetch_change_nothing(policy, balance, monkeypatch):
    given = {"augment": POLICIES[policy], "balance": balance}
    reference = list(make(prefetch=0, threads=1, **given).epoch(2))
    for block, chunk, prefetch, threads in ((1, 1, 1, 2), (5000, 1000, 2, 4), (1 << 20, 700, 0, 3)):
        monkeypatch.setattr(module, "BLOCK", block)
        monkeypatch.setattr(module, "CHUNK", chunk)
        same(list(make(prefetch=prefetch, threads=threads, **given).epoch(2)), reference)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("balance", ["none", "sampler"])
def test_an_epoch_can_be_taken_up_at_any_batch(policy, balance):
    batches = make(augment=POLICIES[policy], balance=balance)
    whole = list(batches.epoch(1))
    for start in range(len(whole) + 1):
        same(list(batches.epoch(1, start)), whole[start:])
    for wrong in (-1, len(whole) + 1):
        with pytest.raises(UsageError):
            next(batches.epoch(1, wrong))


def test_what_is_skipped_is_not_read():
    rows, targets = examples(50)

    class Watched:
        shape, dtype, ndim = rows.shape, rows.dtype, 4
        read: list[int] = []  # noqa: RUF012

        def __len__(self):
            return len(rows)

        def __getitem__(self, ids):
            self.read.extend(ids)
            return rows[ids]

    watched = Watched()
    batches = Batches(watched, numbers(targets), np.arange(50), CONTRACT, batch_size=8)
    ids = torch.cat([batch.ids for batch in batches.epoch(0, 4)])
    assert sorted(watched.read) == sorted(ids.tolist())
    assert len(ids) == 18


@pytest.mark.parametrize("policy", ["tiny", "all", "chosen", "chains"])
def test_augmentation_belongs_to_seed_epoch_and_row(policy):
    augment = POLICIES[policy]
    if augment.mixes:  # pairs are another matter
        augment = Augment(**(augment.to_json() | {"mixup": 0.0, "cutmix": 0.0}))

    def pictures(epoch, **arguments):
        batches = make(augment=augment, **arguments).epoch(epoch)
        return {
            int(i): x for batch in batches for i, x in zip(batch.ids, batch.images, strict=True)
        }

    base = pictures(0)
    for other in (pictures(0, size=5), pictures(0, shuffle=False)):
        assert all(torch.equal(base[index], other[index]) for index in base)
    some = pictures(0, indices=np.array([3, 40]))
    assert all(torch.equal(base[index], some[index]) for index in (3, 40))
    for other in (pictures(1), pictures(0, seed=1)):
        assert sum(torch.equal(base[index], other[index]) for index in base) < 10


def test_a_row_drawn_twice_is_augmented_in_two_ways():
    targets = np.array([0] * 40 + [1])
    rows, _ = examples(41)
    batches = Batches(
        rows,
        numbers(targets),
        np.arange(41),
        CONTRACT,
        batch_size=8,
        balance="sampler",
        augment=Augment(rotate=180),
    )
    rare = torch.cat([batch.images[batch.ids == 40] for batch in batches.epoch(0)])
    assert len(rare) > 10
    assert len(torch.unique(rare.flatten(1), dim=0)) == len(rare)


def test_an_image_gives_several_pieces_in_an_epoch():
    rows = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    policy = Augment(piece=8)
    contract = PixelContract(height=8, width=8, channels=3)
    indices = np.repeat(np.arange(3), policy.pieces((16, 16)))
    batches = Batches(rows, {}, indices, contract, batch_size=4, augment=policy)
    found = [*batches.epoch(0)]
    assert sorted(torch.cat([batch.ids for batch in found]).tolist()) == sorted(indices.tolist())
    pieces = {batch.images[n].numpy().tobytes() for batch in found for n in range(len(batch))}
    assert len(pieces) == 12
    again = [*batches.epoch(0, start=2)]
    np.testing.assert_array_equal(again[0].images, found[2].images)


def test_the_sampler_draws_all_classes_alike():
    rows, _ = examples(400)
    targets = np.repeat([0, 2], [380, 20])
    batches = Batches(
        rows, numbers(targets), np.arange(400), CONTRACT, batch_size=32, balance="sampler"
    )
    drawn = torch.cat(
        [batch.targets["class"] for epoch in range(5) for batch in batches.epoch(epoch)]
    )
    assert len(drawn) == 2000
    assert 900 < (drawn == 2).sum() < 1100


def test_weights_are_gathered():
    weights = np.linspace(0, 1, 50).astype(np.float32)
    for batch in make(weights=weights).epoch(0):
        assert torch.equal(batch.weights, torch.from_numpy(weights)[batch.ids])


def test_several_labels_become_floats():
    rows, _ = examples(20)
    marks = np.random.default_rng(0).integers(0, 2, (20, 5), np.uint8)
    targets = {"class": Marks(marks, "abcde")}
    batches = Batches(rows, targets, np.arange(20), CONTRACT, batch_size=4)
    for batch in batches.epoch(0):
        assert batch.targets["class"].dtype == torch.float32
        np.testing.assert_array_equal(batch.targets["class"].numpy(), marks[batch.ids.numpy()])
    with pytest.raises(UsageError, match="several labels"):
        Batches(rows, targets, np.arange(20), CONTRACT, batch_size=4, balance="sampler")


@pytest.mark.parametrize("policy", [Augment(mixup=0.4), Augment(cutmix=1.0), POLICIES["all"]])
def test_mixed_targets_are_shares(policy):
    for batch in make(augment=policy).epoch(0):
        shares = batch.targets["class"]
        assert shares.shape == (len(batch), 4)
        torch.testing.assert_close(shares.sum(1), torch.ones(len(batch)))
        assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_larger_rows_can_be_cropped_but_not_evaluated():
    larger = PixelContract(height=24, width=30, channels=3)
    rows, targets = examples(20, larger)
    given = rows, numbers(targets), np.arange(20), CONTRACT
    batches = Batches(*given, batch_size=4, augment=Augment(crop=0.5))
    assert next(batches.epoch(0)).images.shape == (4, 3, 12, 10)
    with pytest.raises(ShapeError, match=r"\(24, 30, 3\)"):
        Batches(*given, batch_size=4)


def test_wrong_arguments_are_named():
    with pytest.raises(UsageError, match="batch of 0"):
        make(size=0)
    with pytest.raises(UsageError, match="sampler"):
        make(balance="samplr")
    rows, targets = examples(20)
    with pytest.raises(ShapeError, match="20 rows with 19 targets"):
        Batches(rows, numbers(targets[1:]), np.arange(19), CONTRACT, batch_size=4)


def test_errors_of_reading_reach_the_consumer():
    class Broken:
        shape, dtype, ndim = (20, *CONTRACT.shape), np.uint8, 4

        def __len__(self):
            return 20

        def __getitem__(self, ids):
            raise OSError("the disk is gone")

    batches = Batches(Broken(), {}, np.arange(20), CONTRACT, batch_size=4)
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches.epoch(0))


def test_no_thread_stays_behind():
    before = threading.active_count()
    for policy in (None, POLICIES["all"]):
        for _ in make(augment=policy).epoch(0):
            break
        iterator = make(augment=policy).epoch(0)
        next(iterator)
        del iterator
    gc.collect()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_the_device_path_agrees_with_the_threads():
    """Without an accelerator, its code is run on the CPU: same draws, pixels to two gray levels."""
    batches = make(augment=Augment(flip=0.5, crop=0.5, rotate=10, contrast=0.2, erase=0.5))
    ids = np.arange(16)
    with module.ThreadPoolExecutor(2) as executor:
        by_threads, _ = batches._images(executor, 0, ids, ids)
    on_device, _ = batches._images_on_device(0, ids, ids)
    assert on_device.shape == by_threads.shape
    torch.testing.assert_close(on_device, by_threads, rtol=0, atol=2 / 255)


def has_trim():
    return os.path.exists("/proc/self/statm") and hasattr(ctypes.CDLL(None), "malloc_trim")


MEMORY = """
    import ctypes
    import gc
    import numpy as np
    from vitreous.augment import named_policy
    from vitreous.data.batches.batches import Batches
    from vitreous.data.batches.preprocess import PixelContract
    from vitreous.data.columns import ClassNumbers

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096 / 2**20

    size, count = 96, 1_000_000
    contract = PixelContract(height=size, width=size, channels=3)
    rows = np.zeros((300, size, size, 3), np.uint8)
    entries = np.lib.stride_tricks.as_strided(rows, (count, size, size, 3), (0, *rows.strides[1:]))
    before = resident()
    targets = {"class": ClassNumbers(np.zeros(count, np.int64), ("a", "b"))}
    batches = Batches(entries, targets, np.arange(count), contract, batch_size=64,
                      augment=named_policy("standard", contract=contract), threads=2)
    def at_rest():
        # What is free goes back first: how much of it the C library keeps is chance.
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        return resident() - before

    peaks, rests = [], []
    for epoch in range(12):
        passing = batches.epoch(epoch)
        for number, batch in enumerate(passing):
            if number == 8:
                break
        peaks.append(resident() - before)
        passing.close()
        del batch, passing
        rests.append(at_rest())
    print(*peaks, *rests)
"""


@pytest.mark.skipif(not has_trim(), reason="needs Linux's /proc and the GNU C library")
def test_a_million_entries_cost_little_and_epochs_do_not_grow():
    command = [sys.executable, "-c", textwrap.dedent(MEMORY)]
    told = [float(part) for part in subprocess.check_output(command, text=True).split()]
    peaks, rests = told[:12], told[12:]
    assert max(peaks) < 200  # MiB: 200 bytes an entry, with the batches in it
    assert rests[-1] < rests[5] + 24  # one batch of 7 MiB kept in each epoch would make 42


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_batches():
    policy = POLICIES["all"]
    for ours, theirs in zip(
        make(augment=policy).epoch(0), make(augment=policy, device="cuda").epoch(0), strict=True
    ):
        assert theirs.images.device.type == "cuda"
        assert torch.equal(ours.ids, theirs.ids)
        torch.testing.assert_close(ours.targets["class"], theirs.targets["class"].cpu())
        torch.testing.assert_close(ours.images, theirs.images.cpu(), rtol=0, atol=2 / 255)


# Targets that move with their images

SIGNED = PixelContract(height=16, width=20, channels=1)


def places(count=24):
    """Images whose pixels are the classes of their mask, times 50; a point and a box on a patch."""
    random = np.random.default_rng(3)
    masks = np.repeat(np.repeat(random.integers(1, 5, (count, 4, 5)), 4, axis=1), 4, axis=2)
    masks = masks.astype(np.uint8)
    targets = {
        "mask": Maps(masks, "abcde"),
        "point": Points(np.tile([[[8.0, 6, 1], [11, 9, 1]]], (count, 1, 1)), ("one", "other")),
        "box": Boxes.of([[(4, 4, 12, 12)]] * (count - 1) + [np.zeros((0, 4))]),
        "class": ClassNumbers(np.arange(count) % 3, "abc"),
    }
    return masks[..., None] * np.uint8(50), targets


def moved_batches(augment, **options):
    given = {"batch_size": 5, "augment": augment} | options
    return Batches(*places(), np.arange(24), SIGNED, **given)


def test_a_mask_moves_exactly_like_its_image():
    """Mirrors move whole pixels: the image is its own mask, and stays it."""
    for batch in moved_batches(Augment(flip=0.5)).epoch(1):
        assert torch.equal((batch.images[:, 0] * 255 / 50).round().long(), batch.targets["mask"])
        assert batch.targets["mask"].dtype == torch.int64


@pytest.mark.parametrize("path", ["threads", "device"])
def test_a_mask_follows_turns_and_crops(path):
    """Up to a pixel beside the edges, where images are blended and masks are not."""
    augment = Augment(flip=0.5, rotate=30, shift=0.2, border="zero")
    batches = moved_batches(augment)
    ids = np.arange(24)
    with module.ThreadPoolExecutor(2) as executor:
        by = batches._images_on_device(0, ids, ids) if path == "device" else None
        images, moved = by or batches._images(executor, 0, ids, ids)
    shades, masks = images[:, 0].numpy() * 255 / 50, moved["mask"]
    assert (masks == 255).mean() > 0.05  # corners that nothing is known of
    assert np.abs(shades[masks == 255]).mean() < 0.3  # and that are black
    around = 1, 3, 3  # pixels between which an image may be blended
    alone = ndimage.maximum_filter(masks, around) == ndimage.minimum_filter(masks, around)
    inside = (alone & (masks != 255))[:, 1:-1, 1:-1]  # beyond the window there may be a border
    assert inside.mean() > 0.2  # enough is compared
    assert np.abs(shades - masks)[:, 1:-1, 1:-1][inside].max() < 0.2  # a class is 1 away


def test_points_and_boxes_stay_on_their_patch():
    """A point stays on pixels of the class that was under it, wherever they go."""
    rows, _ = places()
    seen = 0
    for batch in moved_batches(Augment(flip=0.5, shift=0.2, rotate=10)).epoch(0):
        for row, index in enumerate(batch.ids.tolist()):
            mask, points = batch.targets["mask"][row], batch.targets["point"][row].tolist()
            for (x, y, visible), (column, line) in zip(points, ((8, 6), (11, 9)), strict=True):
                if visible:
                    seen += 1
                    top, left = max(0, round(y) - 1), max(0, round(x) - 1)
                    near = mask[top : round(y) + 2, left : round(x) + 2]
                    assert rows[index, line, column, 0] // 50 in near
            boxes = batch.targets["box"][row]
            assert boxes.shape == (int(index < 23), 4)
            assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert seen > 40


def test_threads_blocks_and_prefetch_change_no_target_that_moves(monkeypatch):
    augment = Augment(flip=0.5, rotate=20, shift=0.1, erase=0.5)
    reference = list(moved_batches(augment, prefetch=0, threads=1).epoch(2))
    for block, chunk in ((1, 1), (900, 700), (1 << 20, 1 << 20)):
        monkeypatch.setattr(module, "BLOCK", block)
        monkeypatch.setattr(module, "CHUNK", chunk)
        for one, other in zip(moved_batches(augment).epoch(2), reference, strict=True):
            for name in ("mask", "point", "class"):
                assert torch.equal(one.targets[name], other.targets[name])
            assert all(map(torch.equal, one.targets["box"], other.targets["box"]))
            assert len(one.targets["box"]) == len(one)


def test_targets_follow_the_heaviest_of_blended_changes():
    """AugMix mirrors and crops all of its copies alike, and blends them."""
    for batch in moved_batches(named_policy("augmix", contract=SIGNED, flip=0.5)).epoch(0):
        images, masks = batch.images[:, 0] * 255 / 50, batch.targets["mask"].float()
        own = (images - masks).abs().mean((1, 2))
        other = (images - masks.flip(2)).abs().mean((1, 2))
        assert (own < other).float().mean() >= 0.8
        assert batch.targets["point"].shape == (len(batch), 2, 3)
        assert len(batch.targets["box"]) == len(batch)


def test_evaluation_leaves_targets_as_they_are():
    _, targets = places()
    for batch in moved_batches(None, shuffle=False).epoch(0):
        ids = batch.ids.numpy()
        np.testing.assert_array_equal(batch.targets["mask"], targets["mask"].gather(ids))
        np.testing.assert_array_equal(batch.targets["point"], targets["point"].gather(ids))


def test_unlabeled_images_make_batches():
    rows, _ = examples(20)
    batches = Batches(rows, {}, np.arange(20), CONTRACT, batch_size=8, augment=POLICIES["all"])
    assert [batch.targets for batch in batches.epoch(0)] == [{}, {}, {}]
    with pytest.raises(UsageError, match="or none"):
        Batches(rows, {}, np.arange(20), CONTRACT, batch_size=8, balance="sampler")


def test_masks_are_not_blended():
    with pytest.raises(UsageError, match="cannot be blended"):
        next(moved_batches(Augment(mixup=0.4)).epoch(0))


def test_the_sampler_draws_by_the_column_of_single_classes():
    batches = moved_batches(None, balance="sampler")
    drawn = torch.cat([batch.targets["class"] for e in range(20) for batch in batches.epoch(e)])
    assert all(130 < int((drawn == number).sum()) < 190 for number in range(3))


def test_views_of_one_image_are_changed_in_other_ways():
    """The first view is what a batch without views holds; targets and ids are those of examples."""
    options = {"count": 10, "size": 4, "seed": 3, "augment": Augment(shift=0.3)}
    plain, twice = list(make(**options).epoch(1)), list(make(**options, views=2).epoch(1))
    for one, both in zip(plain, twice, strict=True):
        assert len(both) == len(one)
        assert len(both.images) == 2 * len(one)
        assert torch.equal(both.images[: len(one)], one.images)
        assert not torch.equal(both.images[len(one) :], one.images)
        assert torch.equal(both.ids, one.ids)
    (late,) = list(make(**options, views=2, threads=1).epoch(1, start=len(twice) - 1))
    assert torch.equal(late.images, twice[-1].images)
    with pytest.raises(UsageError, match="views of one image"):
        make(augment=Augment(mixup=0.2), views=2)
