"""Uses of a test part, recorded with the data: a number that was chosen by is no test any more.

A test part is known by the content of its images, whatever run, model or folder asks for it. The
record lies in the cache folder, below `test-uses`, one file for each test part. It outlives packs
and other caches, and is bounded all the same: MOST uses of a part, and the PARTS parts that were
used last. `$VITREOUS_TEST_USES=off` keeps none, and then nothing is counted over runs.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import numpy as np

from vitreous.atomic import storage_errors
from vitreous.data.cache import cache_folder
from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.content_hashes import digests
from vitreous.data.splits.split import Split
from vitreous.errors import StorageError
from vitreous.files import append_line, read_events

Use = dict[str, str | None]
MOST = 1000  # uses of a test part: more say nothing more
PARTS = 4096  # test parts that are remembered


def counted_over_runs() -> bool:
    """Is each use recorded? `$VITREOUS_TEST_USES` says so, unless it is off, no or 0."""
    return os.environ.get("VITREOUS_TEST_USES", "").strip().lower() not in ("off", "no", "0")


def record(dataset: Dataset, parts: Split, run: str | None) -> list[Use]:
    """Write down a use of the test part; returns the earlier ones, oldest first.

    run  the run folder that asks, if there is one

    Each use is {"time": ISO 8601, "run": path or None}. Where the cache cannot be written, nothing
    is recorded.
    """
    if not counted_over_runs():
        return []
    hashes, _ = digests(dataset)
    test = hashes[parts.indices(Part.TEST)]
    name = blake2b(np.sort(test.view("V16").ravel()).tobytes(), digest_size=16).hexdigest()
    path = cache_folder.folder() / "test-uses" / f"{name}.jsonl"
    earlier = read_events(path)
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "run": run}
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                forget(path.parent)
        if len(earlier) < MOST:
            append_line(path, line)
    except StorageError:
        pass
    return earlier


def forget(place: Path) -> None:
    """Delete the records of the parts that were used longest ago, so that one more fits."""
    records = [*place.glob("*.jsonl")]
    if len(records) < PARTS:
        return
    for old in sorted(records, key=lambda path: path.stat().st_mtime)[: 1 - PARTS]:
        with suppress(OSError):  # another process may have deleted it
            old.unlink()
