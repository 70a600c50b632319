"""What the index of a data set in shards costs, in bytes an entry, on made-up entries.

    python benchmarks/index.py --entries 10000000

Shards of 10,000 images each that do not exist are put into the cache as if they had been read:
names of 14 letters, digests, places, labels of 1,000 classes. The data set is opened from them in
a process of its own, whose memory is read from the system. Asked: at most 200 bytes an entry.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time

import numpy as np

PER_SHARD = 10_000
CLASSES = 1_000
LETTERS = 14

OPENING = """
import json, sys, time
from pathlib import Path
from vitreous.data.cache import cache_folder
from vitreous.data.formats import shards
from vitreous.data.formats.shard_index import ShardIndex

class Made:
    def __init__(self, name): self.name = name
    def mark(self): return b"made up"
    def work(self): raise FileNotFoundError

def memory(word):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(word))

count = int(sys.argv[1])
shards.open_shards("made", "made", [Made("train-00000.tar")])
before, begun = memory("VmRSS"), time.perf_counter()
data = shards.open_shards("made", "made", [Made(f"train-{n:05d}.tar") for n in range(count)])
print(json.dumps({
    "processor seconds": round(time.process_time(), 1),
    "entries": len(data), "held": memory("VmRSS") - before, "peak": memory("VmHWM") - before,
    "seconds": round(time.perf_counter() - begun, 1), "last": data.id(len(data) - 1),
}))
"""


def make(shards: int) -> int:
    """Indexes in the cache; returns their bytes."""
    from vitreous.data.cache import cache_folder
    from vitreous.data.formats import shard_index
    from vitreous.data.names import Names

    random = np.random.default_rng(0)
    words = tuple(f"n{number:08d}" for number in range(CLASSES))
    ends = np.arange(0, LETTERS * PER_SHARD + 1, LETTERS, dtype=np.uint32)
    for shard in range(shards):
        numbers = shard * PER_SHARD + np.arange(PER_SHARD)
        digits = numbers[:, None] // 10 ** np.arange(9, -1, -1) % 10 + ord("0")
        letters = np.hstack([digits, np.tile([*b".jpg"], (PER_SHARD, 1))]).astype(np.uint8)
        index = shard_index.ShardIndex(
            Names.of(letters.ravel(), ends),
            np.arange(PER_SHARD, dtype=np.uint64) * 120_000,
            random.integers(1, 200_000, PER_SHARD, np.uint32),
            random.integers(0, 256, (PER_SHARD, 16), np.uint8),
            random.integers(1, 1 << 63, PER_SHARD, np.uint64),
            random.integers(0, CLASSES, PER_SHARD).astype(np.int32),
            words,
            np.array([3]),
        )
        shard_index.keep(f"made\0train-{shard:05d}.tar\0made up".encode(), index)
    files = (cache_folder.folder() / "shards").iterdir()
    return sum(path.stat().st_size for path in files)


def measure(entries: int) -> dict[str, object]:
    shards = entries // PER_SHARD
    disk = make(shards)
    done = subprocess.run([sys.executable, "-c", OPENING, str(shards)], capture_output=True)
    found = json.loads(done.stdout) if not done.returncode else sys.exit(done.stderr.decode())
    count = found["entries"]
    each = {name: round(found[name] / count, 1) for name in ("held", "peak")}
    return {**found, "each": {**each, "disk": round(disk / count, 1)}}


def main() -> None:
    import os

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000_000)
    entries = parser.parse_args().entries
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VITREOUS_CACHE"] = folder
        print(json.dumps(measure(entries), indent=1))
    print(f"{time.process_time() - begun:.0f} seconds of processor to make them up")


if __name__ == "__main__":
    main()
