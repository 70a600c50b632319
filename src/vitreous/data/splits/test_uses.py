"""Uses of a test part, recorded with the data: a number that was chosen by is no test any more.

A test part is known by the content of its images, whatever run, model or folder asks for it. The
record lies in the cache folder, one file for each test part, and is never evicted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

import numpy as np

from vitreous.atomic import storage_errors
from vitreous.data.cache import cache_folder
from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.content_hashes import digests
from vitreous.data.splits.split import Split
from vitreous.errors import StorageError
from vitreous.files import append_line, read_events

Use = dict[str, str | None]


def record(dataset: Dataset, parts: Split, run: str | None) -> list[Use]:
    """Write down a use of the test part; returns the earlier ones, oldest first.

    run  the run folder that asks, if there is one

    Each use is {"time": ISO 8601, "run": path or None}. Where the cache cannot be written, nothing
    is recorded.
    """
    hashes, _ = digests(dataset)
    test = hashes[parts.indices(Part.TEST)]
    name = blake2b(np.sort(test.view("V16").ravel()).tobytes(), digest_size=16).hexdigest()
    path = cache_folder.folder() / "test-uses" / f"{name}.jsonl"
    earlier = read_events(path)
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "run": run}
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        append_line(path, line)
    except StorageError:
        pass
    return earlier
