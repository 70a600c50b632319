"""Does a folded batch norm cost anything?

    python benchmarks/folding.py [--rounds 15] [--batch 8] [--size 128] [--threads 1]

Three forms of each network answer the same images: as trained, with its batch norms; with these
folded into the convolutions before them; and with these taken out, as if there had never been any
(the convolutions then have biases, as ours without a norm do). They take turns in one process, each
round in another order; a ratio is the median of the rounds' own ratios, so that what slows down a
whole round counts for nothing. Folding is free if folded over without is 1.00 within the spread; it
fails if the median of any network exceeds 1.05.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitreous.models import create, fold
from vitreous.models.fold import pairs

NETWORKS = ("vgg11_bn", "resnet18", "mobilenet_v2", "efficientnet_b0")
FREE = 1.05  # a ratio that a busy machine may show where nothing costs anything


def trained(name: str, images: Tensor) -> nn.Module:
    """A network whose batch norms know the statistics of the images."""
    model = create(name)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    model.train()(images)
    return model.eval()


def without_norms(model: nn.Module, images: Tensor) -> nn.Module:
    """A copy whose convolutions have a bias, and no norm after them."""
    bare = copy.deepcopy(model)
    names = {module: name for name, module in bare.named_modules()}
    for conv, norm in pairs(bare, images):
        conv.bias = nn.Parameter(conv.weight.new_zeros(conv.out_channels))
        bare.set_submodule(names[norm], nn.Identity())
    return bare


def timed(model: nn.Module, images: Tensor, clock: Callable[[], float]) -> float:
    began = clock()
    model(images)
    return clock() - began


def spread(ratios: list[float]) -> str:
    """The median, and the middle half of the rounds."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} – {high:.2f})"


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)  # signals fade where no norm keeps them up; that is another cost
    torch.manual_seed(0)

    # On one thread, the time that this process was given: other programs disturb it less.
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    images = torch.rand(arguments.batch, 3, arguments.size, arguments.size)
    images = images.to(memory_format=torch.channels_last)
    heads = "network", "with norms, ms", "folded, ms", "without, ms"
    print(f"| {' | '.join(heads)} | folded / without | with / without |")
    print("|---|---|---|---|---|---|")
    costly = []
    for name in NETWORKS:
        model = trained(name, images)
        forms = {"with": model, "folded": fold(model), "without": without_norms(model, images)}
        for form in forms.values():
            form.to(memory_format=torch.channels_last)
        times: dict[str, list[float]] = {form: [] for form in forms}
        order = list(forms)
        for number in range(arguments.rounds + 2):
            for form in order:
                seconds = timed(forms[form], images, clock)
                if number >= 2:  # the first rounds warm up
                    times[form].append(seconds)
            order = [*order[1:], order[0]]
        ratios = {
            form: [own / bare for own, bare in zip(times[form], times["without"], strict=True)]
            for form in ("folded", "with")
        }
        if statistics.median(ratios["folded"]) > FREE:
            costly.append(name)
        columns = [f"{statistics.median(times[form]) * 1e3:.1f}" for form in forms]
        columns += map(spread, ratios.values())
        print(f"| {name} | {' | '.join(columns)} |", flush=True)
    if costly:
        raise SystemExit(f"folded norms cost more than {FREE - 1:.0%}: {', '.join(costly)}")


if __name__ == "__main__":
    main()
