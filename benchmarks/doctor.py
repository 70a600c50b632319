"""The fault zoo: how often does the doctor name what was planted, and how often does it cry wolf?

Real trainings of a perceptron of three layers, a convolutional network, a small residual network
and ResNet-20 on scikit-learn's digits or the first images of MNIST or CIFAR-10, in a plain torch
loop with `vt.doctor(model)` round it. Each fault is planted alone; healthy runs are of many kinds.
A fix is what the diagnosis proposes: a flag where it has one, and else the mended line of the loop
or of the data.

python benchmarks/doctor.py [--data digits|mnist|cifar10] [--network mlp] [--seeds 3] [--only WORDS]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
import torch

from doctor_training import EXAMPLES, STEPS, Plan, Result, run
from doctor_zoo import NETWORKS, ZOO, Planted, healthy, normal


def fixed(plan: Plan, planted: Planted, result: Result) -> Plan:
    """The plan with what the first diagnosis says."""
    if not result.diagnoses:
        return plan
    if planted.mended is not None:
        right = result.keys[0] in planted.accepted
        return replace(plan, **planted.mended) if right else plan
    first = result.diagnoses[0]
    change = dict(first.change)
    if "init" in change:
        change["init"] = normal(1.0) if change["init"] == "he" else normal(0.5**0.5)
    fields = {name: value for name, value in change.items() if hasattr(plan, name)}
    return replace(plan, **fields)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--data", choices=EXAMPLES, default="digits")
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--no-fix", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks, data = arguments.network or NETWORKS, arguments.data
    reference = {}
    for name in networks:
        plan = Plan(data=data, network=name)
        reference[name] = float(np.mean([run(plan, seed).accuracy for seed in range(2)]))
    print(
        f"healthy accuracy on {data}:",
        ", ".join(f"{n} {100 * a:.1f} %" for n, a in reference.items()),
    )
    columns = "fault, network, runs, seen, right first, step, with it, after the fix, named instead"
    print("\n| " + columns.replace(", ", " | ") + " |\n" + "|---" * 9 + "|")
    counted: list[Counted] = []
    for name, planted in ZOO.items():
        for kind in planted.networks:
            if kind in networks and data in planted.data and arguments.only in name:
                counted.append(count(name, kind, planted, arguments))
                print(counted[-1].row(reference[kind]), flush=True)
    seen = np.concatenate([one.seen for one in counted])
    right = np.concatenate([one.right for one in counted])
    steps = np.concatenate([one.steps for one in counted])
    print(
        f"\n{len(ZOO)} faults, {len(seen)} runs: recall {seen.mean():.3f}, right diagnosis first "
        f"{right.mean():.3f}, seen after {np.median(steps):.0f} steps in the median"
    )
    if not arguments.no_fix:
        restored = [one.after >= 0.95 * reference[one.kind] for one in counted]
        share = f"{100 * np.mean(restored):.0f} % of {len(restored)} cases"
        print(f"the fix restores 95 % of the healthy accuracy in {share}")
    if not arguments.only:
        plans = [*healthy(data, networks)]
        alarms = [
            f"  {name}: {', '.join(found)}" for name, plan in plans if (found := run(plan, 0).first)
        ]
        share = f"{100 * len(alarms) / len(plans):.1f} %"
        print(f"{len(plans)} healthy runs, false alarms at any time: {len(alarms)} ({share})")
        print(*alarms, sep="\n")


@dataclass
class Counted:
    """What became of a fault on one network, over the seeds."""

    name: str
    kind: str
    seen: list[bool]
    right: list[bool]
    steps: list[int]
    before: float
    after: float
    others: str

    def row(self, healthy: float) -> str:
        cells = [self.name, self.kind, len(self.seen), sum(self.seen), sum(self.right)]
        cells += [f"{np.median(self.steps):.0f}", f"{100 * self.before:.1f} %"]
        cells += [f"{100 * self.after:.1f} %", self.others]
        return "| " + " | ".join(map(str, cells)) + " |"


def count(name: str, kind: str, planted: Planted, arguments: argparse.Namespace) -> Counted:
    plan = replace(Plan(data=arguments.data, network=kind), **planted.fault)
    results = [run(plan, seed) for seed in range(arguments.seeds)]
    firsts = [result.keys[0] if result.keys else "" for result in results]
    after = [np.nan]
    if not arguments.no_fix:
        after = [run(fixed(plan, planted, r), seed).accuracy for seed, r in enumerate(results)]
    return Counted(
        name,
        kind,
        seen=[bool(result.keys) for result in results],
        right=[first in planted.accepted for first in firsts],
        steps=[
            min((r.first[key] for key in planted.accepted if key in r.first), default=2 * STEPS)
            for r in results
        ],
        before=float(np.mean([result.accuracy for result in results])),
        after=float(np.mean(after)),
        others=", ".join(sorted({*firsts} - {*planted.accepted, ""})),
    )


if __name__ == "__main__":
    main()
