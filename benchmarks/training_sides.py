"""The sides of `training_peers.py` that use torch: ours, a plain loop, Lightning, fastai.

    python benchmarks/training_sides.py SIDE NETWORK EPOCHS

Peers train as their tutorials have it: a DataLoader over tensors in memory, AdamW with its
defaults. Only what would be printed, logged or saved is switched off. Lightning and fastai are in
an environment of their own, .venv-peers, which has no vitreous.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import peers
from training_rounds import CASES, CLASSES, Case, Rounds, examples, floats

LR = 1e-3


def ours(name: str, case: Case, rounds: Rounds, precision: str = "auto") -> None:
    """The loop, the loader and the rules of `vt.train`, the doctor and the log of epochs included;
    without augmentation and without held-out images, which the peers do not have either.
    """
    from layout import peak
    from vitreous.progress.progress import silent
    from vitreous.run_folder import RunFolder
    from vitreous.runs.consumers import Checkpoints, Consumer, Examined, Shown, Tracked
    from vitreous.runs.interrupt import Interrupt
    from vitreous.runs.job import prepare
    from vitreous.runs.loop import train_phase
    from vitreous.runs.loop_state import LoopState
    from vitreous.runs.phases import phases
    from vitreous.runs.run_stages import read_images
    from vitreous.runs.setup import build

    class Turns(Consumer):
        def begin(self, phase: Any, state: Any) -> None:
            rounds.begin()

        def epoch(self, history: Any, scores: Any) -> None:
            rounds.end(history[-1]["train_loss"])
            rounds.begin()

    progress, state = silent(), LoopState()
    with tempfile.TemporaryDirectory() as place, Interrupt() as interrupt:
        os.environ["VITREOUS_CACHE"] = f"{place}/cache"
        job = prepare(
            examples(case),
            model=name,
            epochs=rounds.count,
            batch_size=case.batch,
            size=case.side,
            optimizer="adamw",
            lr=LR,
            augment="none",
            validation=0.0,
            test=0.0,
            checkpoint=86_400.0,  # the time in which others have their turn would count
            precision=precision,
            progress=progress,
        )
        folder = RunFolder.create("peers", f"{place}/run")
        job.write(folder)
        setup = build(job, read_images(job, folder, progress), progress)
        phase = next(phases(setup, progress))
        consumers = [
            Shown(progress),
            Tracked(folder, job.recipe.to_mapping(), state, progress),
            Checkpoints(folder, setup.network, job.fingerprint, job.recipe.checkpoint),
            Examined(folder, progress),
            Turns(),
        ]
        train_phase(phase, job.recipe, state, consumers, interrupt)
        parameters = sum(p.numel() for p in setup.network.parameters() if p.requires_grad)
        used = setup.precision.name
        rounds.close(
            parameters,
            precision=used,
            macs=setup.macs,
            peak=peak(used, threads=torch.get_num_threads()),
            versions={"torch": torch.__version__},
        )


def in_float32(name: str, case: Case, rounds: Rounds) -> None:
    ours(name, case, rounds, "float32")


def network(name: str, side: int) -> nn.Module:
    """The same network as its users take it: of torchvision, of timm, or written down."""
    torch.manual_seed(0)
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(),
            nn.Linear(100, CLASSES),
        )  # fmt: skip
    if name == "lenet5":
        return nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, CLASSES),
        )  # fmt: skip
    peers.torchvision()
    if name in ("resnet18", "mobilenet_v2"):
        import torchvision.models

        made: nn.Module = getattr(torchvision.models, name)(num_classes=CLASSES)
        return made
    import timm

    of_timm: dict[str, dict[str, Any]] = {
        "efficientnet_lite0": {
            "model_name": "tf_efficientnet_lite0", "drop_rate": 0.2, "drop_path_rate": 0.2,
        },
        "vit_ti16": {"model_name": "vit_tiny_patch16_224", "img_size": side},
    }  # fmt: skip
    model: nn.Module = timm.create_model(**of_timm[name], num_classes=CLASSES)
    return model


def loader(case: Case) -> DataLoader[tuple[Tensor, ...]]:
    images, classes = map(torch.from_numpy, floats(case))
    images = images.permute(0, 3, 1, 2).contiguous()
    return DataLoader(TensorDataset(images, classes), batch_size=case.batch, shuffle=True)


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def plain(name: str, case: Case, rounds: Rounds) -> None:
    """The loop of PyTorch's tutorials."""
    model, batches = network(name, case.side), loader(case)
    optimizer, criterion = torch.optim.AdamW(model.parameters(), lr=LR), nn.CrossEntropyLoss()
    for _ in range(rounds.count):
        rounds.begin()
        model.train()
        running = 0.0
        for images, classes in batches:
            optimizer.zero_grad()
            loss = criterion(model(images), classes)
            loss.backward()
            optimizer.step()
            running += loss.item()
        rounds.end(running / len(batches))
    rounds.close(count(model), versions={"torch": torch.__version__})


def lightning(name: str, case: Case, rounds: Rounds) -> None:
    peers.torchvision()  # its metrics import it
    import lightning as L

    class Classifier(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = network(name, case.side)

        def training_step(self, batch: Any, number: int) -> Tensor:
            images, classes = batch
            loss = nn.functional.cross_entropy(self.model(images), classes)
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=LR)

    class Turns(L.Callback):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            rounds.begin()

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            rounds.end(float(trainer.callback_metrics["train_loss"]))

    model = Classifier()
    with tempfile.TemporaryDirectory() as place:
        trainer = L.Trainer(
            max_epochs=rounds.count, callbacks=[Turns()], logger=False, default_root_dir=place,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(model, loader(case))
    rounds.close(count(model), versions={"lightning": L.__version__})


def fastai(name: str, case: Case, rounds: Rounds) -> None:
    """Its Learner with its own AdamW, on the DataLoader, as its guide for users of PyTorch does."""
    peers.torchvision()
    import fastai as package
    from fastai.vision.all import Adam, Callback, CancelValidException, DataLoaders, Learner

    class Turns(Callback):
        def before_train(self) -> None:
            rounds.begin()

        def after_train(self) -> None:
            rounds.end(float(self.learn.smooth_loss))

        def before_validate(self) -> None:
            raise CancelValidException  # nobody validates here

    batches, model = loader(case), network(name, case.side)
    learner = Learner(
        DataLoaders(batches, batches), model, loss_func=nn.CrossEntropyLoss(), opt_func=Adam, lr=LR,
        cbs=[Turns()],
    )  # fmt: skip
    with learner.no_bar(), learner.no_logging():
        learner.fit(rounds.count)
    rounds.close(count(model), versions={"fastai": package.__version__})


SIDES = {
    "vitreous": ours,
    "vitreous in float32": in_float32,
    "PyTorch": plain,
    "Lightning": lightning,
    "fastai": fastai,
}

if __name__ == "__main__":
    side, wanted, epochs = sys.argv[1:]
    SIDES[side](wanted, CASES[wanted], Rounds(CASES[wanted], int(epochs)))
