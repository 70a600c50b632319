"""SIGKILL at random moments of whole runs, of several kinds of data and with a pack on the disk:
whoever goes on ends in the same bytes. Nor do threads or other signals change a byte.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitreous.run_folder import RunFolder

SIDE, COUNT = 24, 72
FEW, MANY = 4, 34  # kills of a kind; 170 in all five
SAME = ("model.safetensors", "metrics.jsonl", "predictions.csv", "split.csv", "recipe.yaml")
COMMON: dict[str, Any] = {"epochs": 3, "batch_size": 8, "checkpoint": 0, "ema": 0.9}
COMMON |= {"augment": "standard", "size": SIDE}


def scenes() -> list[tuple[np.ndarray, int, int]]:
    """Noise with a bright block: (image, top, left)."""
    random = np.random.default_rng(3)
    found = []
    for _ in range(COUNT):
        image = random.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
        top, left = (int(one) for one in random.integers(0, SIDE - 8, 2))
        image[top : top + 8, left : left + 8] += 150
        found.append((image, top, left))
    return found


def as_classes(place: Path) -> Path:
    """One folder for blocks in the upper half, one for those below."""
    for number, (image, top, _) in enumerate(scenes()):
        folder = place / "photos" / ("upper" if top < (SIDE - 8) / 2 else "lower")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    return place / "photos"


def as_places(place: Path, headers: tuple[str, ...], cells: Callable[[int, int], Any]) -> Path:
    """A table with some cells for the block of each image."""
    (place / "blocks").mkdir()
    rows: list[tuple[Any, ...]] = [("path", *headers)]
    for number, (image, top, left) in enumerate(scenes()):
        Image.fromarray(image).save(place / "blocks" / f"{number}.png")
        rows.append((f"{number}.png", *cells(top, left)))
    with (place / "blocks" / "places.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return place / "blocks" / "places.csv"


def as_numbers(place: Path) -> Path:
    return as_places(place, ("top", "left"), lambda top, left: (top + 0.5, left + 0.5))


def as_masks(place: Path) -> Path:
    """Images, and beside them masks of their blocks."""
    for name in ("images", "masks"):
        (place / "scenes" / name).mkdir(parents=True)
    for number, (image, top, left) in enumerate(scenes()):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[top : top + 8, left : left + 8] = 1
        Image.fromarray(image).save(place / "scenes" / "images" / f"{number}.png")
        Image.fromarray(mask).save(place / "scenes" / "masks" / f"{number}.png")
    return place / "scenes"


def as_points(place: Path) -> Path:
    """The second point is at times hidden."""
    headers = ("point left corner", "point right corner")
    return as_places(
        place,
        headers,
        lambda top, left: (f"{left} {top}", f"{left + 7} {top}" if top % 3 else ""),
    )


def as_boxes(place: Path) -> Path:
    names = ("upper", "lower")
    return as_places(
        place,
        ("box",),
        lambda top, left: [f"{left} {top} {left + 8} {top + 8} {names[top > (SIDE - 8) / 2]}"],
    )


KINDS: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "classes": (as_classes, {"model": "lenet5", "mixup": 0.2, "accumulate": 2}),
    "numbers": (as_numbers, {"model": "lenet5", "task": "regress"}),
    "masks": (as_masks, {"model": "unet_small"}),
    "points": (as_points, {"augment": "turn"}),
    "boxes": (as_boxes, {"augment": "zoom"}),
}


def work(data: Path, out: Path, cache: Path, fields: dict[str, Any] | None) -> None:
    """A run in a process of its own, which may be killed; None goes on with the one in `out`."""
    import torch

    from vitreous.runs import run

    os.environ["VITREOUS_CACHE"] = str(cache)
    torch.set_num_threads(1)
    if fields is None:
        run.resume(out)
    else:
        run.train(data, out=out, **fields)


def interrupted(data: Path, out: Path, cache: Path, fields: dict[str, Any]) -> None:
    """`work`, with a signal every millisecond: calls to the system return early (EINTR)."""
    heard = dict.fromkeys((signal.SIGALRM, signal.SIGWINCH), 0)

    def hear(number: int, _: Any) -> None:
        heard[signal.Signals(number)] += 1
        if number == signal.SIGALRM:  # a window is resized at each tenth of them
            if heard[signal.SIGALRM] % 10 == 0:
                os.kill(os.getpid(), signal.SIGWINCH)
            signal.setitimer(signal.ITIMER_REAL, 0.001)

    for number in heard:
        signal.signal(number, hear)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    work(data, out, cache, fields)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert heard[signal.SIGALRM] > 100, heard
    assert heard[signal.SIGWINCH] > 10, heard


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that are forked from one that has imported torch already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vitreous.runs.run"])
    return context


@pytest.fixture(scope="module", params=KINDS)
def witness(
    request: pytest.FixtureRequest, processes: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, Any], float]:
    """(data, run, recipe, seconds) of a run that nobody disturbed."""
    make, fields = KINDS[request.param]
    place = tmp_path_factory.mktemp(request.param)
    data, fields = make(place), COMMON | fields
    began = time.monotonic()
    assert ended(processes, data, place / "run", place / "cache", fields) == 0
    return data, place / "run", fields, time.monotonic() - began


def ended(processes: Any, *given: Any, target: Callable[..., None] = work) -> int:
    process = processes.Process(target=target, args=given)
    process.start()
    process.join()
    code: int = process.exitcode
    return code


def same(run: Path, witness: Path) -> None:
    for name in SAME:
        assert (run / name).read_bytes() == (witness / name).read_bytes(), name


def killed(processes: Any, witness: Any, kills: int) -> None:
    """Runs that are killed, gone on with and killed again, each with a cache of its own, so that
    packs are killed while they are written as well.
    """
    data, reference, fields, seconds = witness
    chance, happened = random.Random(kills), 0
    for trial in range(10 * kills):
        # Beside the witness: paths in split.csv are told from where the run lies.
        run = reference.with_name(f"{kills}-kills-{trial}")
        cache, lives = reference.with_name(f"{kills}-kills-{trial}-cache"), 0
        while not RunFolder(run).finished or not RunFolder(run).report.exists():
            lives += 1
            assert lives < 20, "the run never ends"
            if not RunFolder(run).recipe.is_file() and run.exists():
                # Killed before the folder was whole: nothing has been learned, it begins anew.
                for path in run.iterdir():
                    path.unlink()
                run.rmdir()
            again = None if run.exists() else fields
            process = processes.Process(target=work, args=(data, run, cache, again))
            process.start()
            if happened < kills and lives < 4:
                process.join(chance.uniform(0.02, 1.0) * seconds)
                process.kill()
            process.join()
            assert process.exitcode in (0, -9), "a life ended with an error"
            happened += process.exitcode == -9
        same(run, reference)
        if happened >= kills:
            return
    raise AssertionError("the runs were over before they could be killed")


def test_killed_at_a_few_moments(processes: Any, witness: Any) -> None:
    killed(processes, witness, FEW)


@pytest.mark.slow
def test_killed_at_a_hundred_moments(processes: Any, witness: Any) -> None:
    killed(processes, witness, MANY)


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_no_byte_of_a_run(processes: Any, witness: Any, threads: int) -> None:
    """The witness had two. Its recipe is the only file that may tell."""
    data, reference, fields, _ = witness
    run = reference.with_name(f"{threads}-threads")
    cache = reference.with_name(f"{threads}-threads-cache")
    fields = {**fields, "threads": threads}
    assert ended(processes, data, run, cache, fields) == 0
    for name in SAME[1:4]:
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name
    assert weights(run) == weights(reference)
    # One pack each; its name tells how long ago the files were written as well.
    (made,), (expected,) = (
        [*(where / "packs").glob("*.rows")] for where in (cache, reference.with_name("cache"))
    )
    assert made.read_bytes() == expected.read_bytes()


def test_signals_change_no_byte_of_a_run(processes: Any, witness: Any) -> None:
    data, reference, fields, _ = witness
    run, cache = reference.with_name("signals"), reference.with_name("signals-cache")
    assert ended(processes, data, run, cache, fields, target=interrupted) == 0
    same(run, reference)
    assert not [*cache.rglob(".*.tmp")]


def weights(run: Path) -> dict[str, bytes]:
    from safetensors.numpy import load_file

    return {name: array.tobytes() for name, array in load_file(run / "model.safetensors").items()}
