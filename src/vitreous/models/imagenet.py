"""ImageNet weights by name: files that torchvision publishes, for networks that are the same here.

Each file's name ends with the first eight digits of its SHA-256, which torchvision states in its
source; the file that comes is held against them. Of several files of one network these are those
that torchvision recommends.
"""

from __future__ import annotations

from vitreous.blocks.normalize import IMAGENET
from vitreous.errors import UsageError
from vitreous.models.rows import Variant, Weights

PLACE = "https://download.pytorch.org/models"
FILES = {
    "alexnet_2014": "alexnet-owt-7be5be79.pth",
    "vgg11": "vgg11-8a719046.pth",
    "vgg13": "vgg13-19584684.pth",
    "vgg16": "vgg16-397923af.pth",
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg11_bn": "vgg11_bn-6002323d.pth",
    "vgg13_bn": "vgg13_bn-abd245e5.pth",
    "vgg16_bn": "vgg16_bn-6c64b313.pth",
    "vgg19_bn": "vgg19_bn-c79401a0.pth",
    "googlenet_bn": "googlenet-1378be20.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
    "resnet101": "resnet101-cd907fc2.pth",
    "resnet152": "resnet152-f82ba261.pth",
    "wide_resnet50_2": "wide_resnet50_2-9ba9bcbe.pth",
    "wide_resnet101_2": "wide_resnet101_2-d733dc28.pth",
    "resnext50_32x4d": "resnext50_32x4d-1a0047aa.pth",
    "resnext101_32x8d": "resnext101_32x8d-110c445d.pth",
    "resnext101_64x4d": "resnext101_64x4d-173b62eb.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "densenet161": "densenet161-8d451a50.pth",
    "densenet169": "densenet169-b2777c0a.pth",
    "densenet201": "densenet201-c1103571.pth",
    "mobilenet_v2": "mobilenet_v2-7ebf99e0.pth",
    "efficientnet_b0": "efficientnet_b0_rwightman-7f5810bc.pth",
    "efficientnet_b1": "efficientnet_b1-c27df63c.pth",
    "efficientnet_b2": "efficientnet_b2_rwightman-c35c1473.pth",
    "efficientnet_b3": "efficientnet_b3_rwightman-b3899882.pth",
    "efficientnet_b4": "efficientnet_b4_rwightman-23ab8bcd.pth",
    "efficientnet_b5": "efficientnet_b5_lukemelas-1a07897c.pth",
    "efficientnet_b6": "efficientnet_b6_lukemelas-24a108a5.pth",
    "efficientnet_b7": "efficientnet_b7_lukemelas-c5b4e57e.pth",
}
"""torchvision's files by the names of our networks."""

HALVES = {"googlenet_bn": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))}
"""What pixels were normalized by where it was not ImageNet's mean and deviation."""

ENCODERS = {"unet_resnet18": "resnet18"}
"""Networks for maps, and the network whose weights their encoder begins from."""


def imagenet(row: Variant) -> Weights:
    """The weights of a network: those that come along, or else the published ones.

    Raises UsageError for a network of which none are known.
    """
    if row.weights is not None:
        return row.weights
    name = ENCODERS.get(row.name, row.name)
    if name not in FILES:
        raise UsageError(
            f"no weights of {row.name} are known",
            where="pretrained",
            remedy=f"Known for: {', '.join([*FILES, *ENCODERS])}.",
        )
    mean, std = HALVES.get(name, IMAGENET)
    return Weights(source=f"{PLACE}/{FILES[name]}", sha256=FILES[name][-12:-4], mean=mean, std=std)
