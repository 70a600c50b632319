"""Denoisers: networks that say what has to be taken away from a picture, not what is in it.

`DnCNN` predicts the noise at one scale by a chain of 3×3 convolutions. Zhang, Zuo, Chen, Meng and
Zhang (2017), "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising",
arXiv:1608.03981. `UNetDenoiser` does it at several scales, as a multigrid method solves an
equation: what is smooth is settled on coarse maps, where it takes few steps.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from vitreous.blocks.conv import ConvNormAct
from vitreous.blocks.init import he_convolutions
from vitreous.errors import UsageError
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.models.unet import UNet
from vitreous.shapes import Images

FIRST = 0.1  # of the usual size of a layer's weights: at first next to nothing is taken away


class DnCNN(Network):
    """`conv1` to the last but one, and a `head` that gives the noise, in deviations of the pixels.

    The answer is the image without it. Where there are not as many answers as channels there is
    nothing that could be taken away, and the head's own is the answer.

    depth       convolutions, at least 2
    width       channels between them
    batch_norm  after each but the first and the last
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        depth: int = 17,
        width: int = 64,
        batch_norm: bool = True,
    ) -> None:
        super().__init__(in_channels)
        if depth < 2:
            raise UsageError(f"{depth} convolutions", where="depth", remedy="Give at least 2.")
        norm = nn.BatchNorm2d if batch_norm else None
        self.conv1 = ConvNormAct(in_channels, width, norm=None)
        for number in range(2, depth):
            self.add_module(f"conv{number}", ConvNormAct(width, width, norm=norm))
        self.head = nn.Conv2d(width, num_classes, 3, padding=1)
        he_convolutions(self, keep="signals")
        start_noise(self.head)

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        for name, x in super().run_stages(images):
            yield name, without(self, images, x) if name == "head" else x


class UNetDenoiser(UNet):
    """A U-Net whose head gives the noise, in deviations of the pixels, as that of `DnCNN`."""

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        width: int = 32,
        depth: int = 3,
        batch_norm: bool = True,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            in_channels=in_channels,
            width=width,
            depth=depth,
            batch_norm=batch_norm,
        )
        start_noise(self.head)

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        for name, x in super().run_stages(images):
            yield name, without(self, images, x) if name == "head" else x


def without(network: Network, images: Images, noise: Tensor) -> Tensor:
    """Images in [0, 1] less the noise that a head gives, which is counted in deviations."""
    if noise.shape[1] != network.in_channels:
        return noise
    return images - network.normalize.std * noise


def start_noise(head: nn.Conv2d) -> None:
    """Small weights for a head, so that training begins at the image as it is."""
    kernel = head.kernel_size[0] * head.kernel_size[1]
    nn.init.normal_(head.weight, 0, FIRST / (head.in_channels * kernel) ** 0.5)
    assert head.bias is not None
    nn.init.zeros_(head.bias)


_DNCNN = 'Zhang et al., "Beyond a Gaussian denoiser", arXiv:1608.03981'
_UNET = 'Ronneberger et al., "U-Net", arXiv:1505.04597; it predicts the noise'
_SIZES = Sizes(default=128)

VARIANTS = (
    Variant(
        name="dncnn",
        build=DnCNN,
        year=2017,
        paper=_DNCNN,
        parameters=558_403,
        macs=9_116_319_744,
        num_classes=3,
        sizes=_SIZES,
        output="map",
    ),
    Variant(
        name="dncnn_small",
        build=DnCNN,
        arguments={"depth": 7, "width": 32},
        year=2017,
        paper=_DNCNN,
        parameters=48_163,
        macs=783_286_272,
        num_classes=3,
        sizes=_SIZES,
        output="map",
    ),
    Variant(
        name="unet_denoiser",
        build=UNetDenoiser,
        year=2015,
        paper=_UNET,
        parameters=1_927_075,
        macs=2_305_818_624,
        num_classes=3,
        sizes=_SIZES,
        output="map",
    ),
    Variant(
        name="unet_denoiser_small",
        build=UNetDenoiser,
        arguments={"width": 16},
        year=2015,
        paper=_UNET,
        parameters=482_771,
        macs=580_386_816,
        num_classes=3,
        sizes=_SIZES,
        output="map",
    ),
)
