"""Attacks side by side with foolbox and torchattacks: accuracy on the same network and images.

    python benchmarks/robust.py [--data digits] [--images 500] [--epochs 12] [--adversarial 16]

The same settings, each with its own random starts: accuracies are to agree within sampling error
(McNemar's test on the same images). Then what adversarial training brings and costs, and how well
strange images are told from the own. Peers: pip install foolbox torchattacks.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import vitreous as vt
from vitreous.inference.model_file import Bundle
from vitreous.metrics.interval import paired
from vitreous.robust import ATTACKS, CLASSES
from vitreous.robust.goal import judged
from vitreous.runs.rejection_choice import choose_rejection
from vitreous.runs.robust_subject import open_subject
from vitreous.runs.robustness import robustness

STEPS = 20
Attacker = Callable[[Tensor, Tensor], Tensor]


def own(model: Any, name: str, **options: Any) -> Attacker:
    return lambda images, labels: ATTACKS[name].apply(model, images, {"class": labels}, **options)


def peers(model: Any, eps: dict[str, float]) -> dict[tuple[str, str], Attacker]:
    """(attack, library) to what it makes of images."""
    found: dict[tuple[str, str], Attacker] = {}
    foolbox, torchattacks = optional("foolbox"), optional("torchattacks")
    if foolbox is not None:
        wrapped, kinds = foolbox.PyTorchModel(model, bounds=(0, 1)), foolbox.attacks
        rows = {
            "fgsm inf": (kinds.LinfFastGradientAttack(random_start=False), eps["inf"]),
            "pgd inf": (kinds.LinfPGD(rel_stepsize=2.5 / STEPS, steps=STEPS), eps["inf"]),
            "fgsm 2": (kinds.L2FastGradientAttack(random_start=False), eps["2"]),
            "pgd 2": (kinds.L2PGD(rel_stepsize=2.5 / STEPS, steps=STEPS), eps["2"]),
            "deepfool 2": (kinds.L2DeepFoolAttack(steps=50, loss="logits"), None),
        }
        for name, (attack, size) in rows.items():
            found[name, "foolbox"] = lambda images, labels, attack=attack, size=size: attack(
                wrapped, images, labels, epsilons=size
            )[1].detach()
    if torchattacks is not None:
        others = {
            "fgsm inf": torchattacks.FGSM(model, eps=eps["inf"]),
            "pgd inf": torchattacks.PGD(
                model, eps=eps["inf"], alpha=2.5 * eps["inf"] / STEPS, steps=STEPS
            ),
            "momentum inf": torchattacks.MIFGSM(
                model, eps=eps["inf"], alpha=eps["inf"] / 10, steps=10
            ),
            "pgd 2": torchattacks.PGDL2(
                model, eps=eps["2"], alpha=2.5 * eps["2"] / STEPS, steps=STEPS
            ),
        }
        found |= {(name, "torchattacks"): attack for name, attack in others.items()}
    return found


def optional(name: str) -> Any:
    """A peer, or None where it is not installed or does not import."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        print(f"{name} is left out: {error}")
        return None


def agreement(bundle: Bundle, images: Tensor, labels: Tensor, levels: float) -> None:
    """A table: the share of right answers under each attack of each library."""
    model, size = bundle.model.eval(), images[0].numel()
    eps = {"inf": levels / 255, "2": 2 * levels / 8 * size**0.5 / 255}
    ours = {
        "fgsm inf": own(model, "fgsm", eps=eps["inf"], norm="inf"),
        "pgd inf": own(model, "pgd", eps=eps["inf"], norm="inf", steps=STEPS),
        "momentum inf": own(model, "momentum_pgd", eps=eps["inf"], norm="inf", steps=10),
        "fgsm 2": own(model, "fgsm", eps=eps["2"], norm="2"),
        "pgd 2": own(model, "pgd", eps=eps["2"], norm="2", steps=STEPS),
        "deepfool 2": own(model, "deepfool", norm="2"),
        "minimal 2": own(model, "minimal_distortion"),
    }
    theirs = peers(model, eps)
    print(f"\n{len(images)} images, L∞ {255 * eps['inf']:g} and L2 {255 * eps['2']:.0f} levels\n")
    print("| attack | vitreous | s | peer | its accuracy | s | difference | p |")
    print("|---|---|---|---|---|---|---|---|")
    for name, attack in ours.items():
        limit = eps[name.split()[1]]
        count = 20 if name == "minimal 2" else len(images)
        right, seconds, away = stands(model, attack, images[:count], labels[:count], name, limit)
        row = f"| {name} | {100 * right.mean():.1f} % | {seconds:.1f} "
        others = [(library, one) for (known, library), one in theirs.items() if known == name]
        if not others:
            print(f"{row}| of 20 images, median {255 * away:.0f} levels | | | | |")
        for library, other in others:
            same, took, far = stands(model, other, images, labels, name, limit)
            test = paired(right, same)
            note = f", median {255 * far:.0f} against {255 * away:.0f}" if "fool" in name else ""
            print(
                f"{row}| {library}{note} | {100 * same.mean():.1f} % | {took:.1f} "
                f"| {100 * test.difference:+.1f} | {test.p:.2f} |"
            )


def stands(
    model: Any, attack: Attacker, images: Tensor, labels: Tensor, name: str, limit: float
) -> tuple[np.ndarray, float, float]:
    """Which answers are still right, the seconds, and for attacks that look for the smallest change
    the median of its sizes.
    """
    began = time.process_time()
    found = torch.cat(
        [attack(*both) for both in zip(images.split(100), labels.split(100), strict=True)]
    )
    seconds = time.process_time() - began
    sizes = (found - images).flatten(1).norm(dim=1)
    wrong = judged(model, found, {"class": labels}, CLASSES) > 0
    if name.startswith(("deepfool", "minimal")):
        clean = judged(model, images, {"class": labels}, CLASSES) > 0
        wrong = (wrong & (sizes <= limit)) | clean
        sizes = sizes[~clean]
    return (~wrong).numpy(), seconds, float(sizes.median())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--adversarial", type=float, default=16)
    parser.add_argument("--model", default="lenet5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = {}
        for name, eps in (("plain", None), ("adversarial", options.adversarial)):
            began = time.process_time()
            runs[name] = vt.train(
                options.data,
                model=options.model,
                epochs=options.epochs,
                adversarial=eps,
                out=Path(folder) / name,
                progress=False,
                doctor=False,
            )
            print(f"{name}: {runs[name]!r}, {time.process_time() - began:.0f} CPU s", flush=True)
        subject = open_subject(runs["plain"].folder.path, None, "all", quiet(), options.images)
        images, truth = subject.images(subject.ids).contiguous(), subject.truth(subject.ids)
        agreement(subject.bundle, images, truth["class"], options.adversarial)
        print("\n| training | eps | accuracy of the test part | masked |\n|---|---|---|---|")
        for name, run in runs.items():
            found, _ = robustness(run.folder.path, eps=options.adversarial, progress=False)
            doubts = ", ".join(one.name for one in found.doubts if one.masks) or "no"
            for one in found.curve:
                print(f"| {name} | {one.eps:g} | {100 * one.value:.1f} % | {doubts} |")
        print("\n| strange images | score | AUROC | refused | own test images refused |")
        print("|---|---|---|---|---|")
        against = ["noise", "inverted", "scenes", "crowds"]
        for score in ("energy", "neighbors"):
            choice = choose_rejection(
                runs["plain"].folder.path, score=score, against=against, progress=False
            )
            for one in choice.against:
                if one.score == score:
                    low, high = one.interval
                    print(
                        f"| {one.data} | {score} | {one.auroc:.3f} ({low:.3f} to {high:.3f}) "
                        f"| {100 * one.refused:.0f} % | {100 * (choice.own or 0):.1f} % |"
                    )


def quiet() -> Any:
    from vitreous.progress.choose import following

    with following(False) as shown:
        return shown


if __name__ == "__main__":
    main()
