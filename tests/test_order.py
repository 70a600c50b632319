"""A package imports only from those above it, no two modules need each other, and names tell."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ORDER = """
    version errors heap fields shapes formats atomic files run_folder distributed trackers
    progress drawing
    data augment backprop blocks baselines models trace losses metrics tasks training
    explain robust infer inference recipes doctor report runs select labs export serving retrieval
    playground cli __main__
""".split()
SOURCE = Path(__file__).parent.parent / "src" / "vitreous"
FILES = sorted(SOURCE.rglob("*.py"))
NAMELESS = {"utils", "util", "helpers", "helper", "common", "core", "misc"}
SHARED = {
    "attention": "the block of a network, and its derivative by hand",
    "linear": "the linear network, and the derivative of its layer by hand",
}
"""Words of the field that stand for two modules, and why."""

SEARCHED = {
    "atomic": "atomic.py",
    "activations": "trace/capture/record.py",
    "adversarial attacks": "robust/attacks.py",
    "defaults": "recipes/resolve.py",
    "dataset": "data/dataset.py",
    "ctrl-c": "runs/interrupt.py",
    "environment": "runs/environment.py",
    "baselines": "metrics/trivial.py",
    "cache": "data/cache/file_cache.py",
    "calibration": "metrics/calibration.py",
    "class activation map": "explain/cam.py",
    "computational graph": "trace/graph/graph.py",
    "confidence interval": "metrics/interval.py",
    "confusion matrix": "metrics/confusion.py",
    "content hash": "data/splits/content_hashes.py",
    "cross-validation": "data/splits/folds.py",
    "statistics": "recipes/data_facts.py",
    "divergence": "training/divergence.py",
    "duplicates": "data/check/copies.py",
    "early stopping": "training/stopping.py",
    "dynamic batching": "serving/batching.py",
    "embedding": "retrieval/encoder.py",
    "exif": "data/images/exif.py",
    "experiment trackers": "trackers.py",
    "focal loss": "losses/focal.py",
    "freezing": "models/surgery.py",
    "gradient check": "backprop/gradcheck.py",
    "learning rate schedule": "training/schedule.py",
    "linear probe": "inference/features.py",
    "logistic regression": "models/perceptron.py",
    "grad-cam": "explain/gradcam.py",
    "authentication": "serving/watchman.py",
    "hot reload": "serving/shelf.py",
    "http api": "serving/application.py",
    "heatmaps": "explain/heat.py",
    "integrated gradients": "explain/integrated_gradients.py",
    "loss landscape": "explain/landscape.py",
    "key points": "data/points.py",
    "magic bytes": "data/images/file_type.py",
    "manifest": "data/formats/manifest.py",
    "mixed precision": "training/precision.py",
    "model file": "inference/model_file.py",
    "momentum": "training/momentum.py",
    "nearest neighbors": "retrieval/index.py",
    "onnx": "inference/onnx.py",
    "optimizers": "training/optimizer.py",
    "output coding": "tasks/coding.py",
    "patch embedding": "blocks/patch.py",
    "perceptual hash": "data/check/perceptual_hash.py",
    "prometheus": "serving/prometheus.py",
    "prefetching": "data/batches/prefetch.py",
    "preprocessing": "data/batches/preprocess.py",
    "pretrained weights": "models/pretrained.py",
    "receptive field": "trace/measure/receptive.py",
    "parquet": "data/formats/parquet.py",
    "occlusion": "explain/occlusion.py",
    "reproducibility": "training/reproduce.py",
    "regression": "tasks/regress.py",
    "saliency": "explain/saliency.py",
    "sampler": "data/batches/sampler.py",
    "segmentation": "tasks/segment.py",
    "sha-256": "models/release.py",
    "stochastic depth": "blocks/drop.py",
    "throughput": "progress/throughput.py",
    "time budget": "training/budget.py",
    "training loop": "training/fit.py",
    "webdataset": "data/formats/webdataset.py",
    "weight averaging": "training/average.py",
    "weight initialization": "blocks/init.py",
}
"""Words that someone would search for, and the module that is meant."""


def module_of(path: Path, source: Path = SOURCE) -> str:
    """vitreous.data.splits.split of src/vitreous/data/splits/split.py."""
    parts = path.relative_to(source.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path, known: Iterable[str] = MODULES) -> Iterator[tuple[int, str]]:
    """Line and module below `vitreous` of every import in a file, nested ones too."""
    modules = {"vitreous", *known}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            base = node.module or ""
            # `from vitreous.data import pack` may name a module, or what a package offers.
            names = [
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base
                for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in dict.fromkeys(names):
            if name.split(".")[0] == "vitreous":
                yield node.lineno, name


def circles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Modules that need each other, over any number of steps (Tarjan's components)."""
    found: list[list[str]] = []
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: list[str] = []

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        waiting.append(module)
        for other in imports.get(module, ()):
            if other not in number:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in waiting:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            place = waiting.index(module)
            if len(waiting) - place > 1:
                found.append(sorted(waiting[place:]))
            del waiting[place:]

    for module in imports:
        if module not in number:
            visit(module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_only_from_above(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own == "__init__":  # the public face re-exports from everywhere, lazily
        return
    assert own in ORDER, f"{own} has no place in the order of packages"
    wrong = []
    for line, name in imported(path):
        package = name.split(".")[1] if "." in name else ""
        # The public face would bring in everything, from above and below.
        if not package or ORDER.index(package) > ORDER.index(own):
            wrong.append(f"line {line}: {name}")
    assert not wrong, f"{path.relative_to(SOURCE)} imports from below: {wrong}"


def test_no_two_modules_need_each_other() -> None:
    imports = {
        name: [other for _, other in imported(path) if other != name]
        for name, path in MODULES.items()
        if path.name != "__init__.py"
    }
    assert not circles(imports)


def test_every_module_loads_without_the_extras() -> None:
    """Whoever needs the package of an extra imports it when it is needed, and says so."""
    program = """
import importlib, sys
for package in sys.argv[1].split(","):
    sys.modules[package] = None
for module in sys.argv[2].split(","):
    importlib.import_module(module)
"""
    extras = (
        "sklearn optuna matplotlib tifffile fastapi uvicorn onnx onnxruntime onnxscript "
        "huggingface_hub pyarrow fsspec aiohttp"
    )
    servers = ("vitreous.playground.server", "vitreous.serving")
    modules = [name for name in MODULES if not name.startswith(servers)]
    arguments = [",".join(extras.split()), ",".join(modules)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_core_is_small_and_the_tour_names_every_extra() -> None:
    root = SOURCE.parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= 13
    extras = project["optional-dependencies"].keys() - {"dev"}
    assert extras == {
        *re.findall(r"`vitreous\[(\w+)\]`", (root / "docs" / "README.md").read_text())
    }


def test_names_say_something() -> None:
    nameless = [path for path in FILES if NAMELESS & {*path.parts, path.stem}]
    assert not nameless


def test_each_name_stands_for_one_module() -> None:
    """Verbs of the command line are named after what they call; all others have their own name."""
    places = defaultdict(list)
    for path in FILES:
        if path.parent.name != "cli" and not path.stem.startswith("__"):
            places[path.stem].append(str(path.relative_to(SOURCE)))
    twins = {stem: found for stem, found in places.items() if len(found) > 1}
    assert twins.keys() == SHARED.keys(), twins


@pytest.mark.parametrize("words", SEARCHED)
def test_a_search_finds_the_module(words: str) -> None:
    """`grep` for a word of the field ends at the first line of the file that is meant."""
    path = SOURCE / SEARCHED[words]
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    assert words in first.lower(), f"{SEARCHED[words]} begins with: {first}"


def test_the_rule_can_fail(tmp_path: Path) -> None:
    upward = tmp_path / "sample.py"
    upward.write_text(
        "def f():\n    from vitreous.cli import main\n    import vitreous.data.formats.open\n"
        "    from vitreous import __version__\n"
    )
    assert list(imported(upward)) == [
        (2, "vitreous.cli.main"),
        (3, "vitreous.data.formats.open"),
        (4, "vitreous"),
    ]
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]
