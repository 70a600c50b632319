"""The two blocks of a residual network, basic and bottleneck, and the shortcuts around them.

He, Zhang, Ren and Sun (2016), "Deep residual learning", arXiv:1512.03385: figure 5 and, for the
shortcuts, section 3.3.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.drop import DropPath
from vitreous.shapes import Features

Shortcut = Literal["project", "pad", "none"]


class PadShortcut(nn.Module):
    """Option A of the paper: every second pixel, and zeros for the new channels. No parameters."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels = new_channels
        self.stride = stride

    def forward(self, x: Features) -> Features:
        # Pooling of single pixels: a slice would be no operation that receptive fields follow.
        x = F.avg_pool2d(x, 1, self.stride)
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


class NoShortcut(nn.Module):
    """Adds nothing, which makes a network plain."""

    def forward(self, x: Features) -> float:
        return 0.0


class Step(NamedTuple):
    """How a block moves over its map, and the spacing of what its 3×3 convolutions read.

    A stride of 2 may be replaced by convolutions that read every second pixel from there on: the
    map stays as large, and every second pixel of it is what the stride would have left.

    stride  of the convolution that comes first
    before  dilation where the map is as the block found it
    after   dilation behind the stride, or behind what replaces it
    """

    stride: int = 1
    before: int = 1
    after: int = 1

    @property
    def shrinks(self) -> bool:
        """Is there a stride, or something in its place?"""
        return self.stride != 1 or self.before != self.after


STAY = Step()


def make_shortcut(kind: Shortcut, channels: int, out: int, step: Step) -> nn.Module | None:
    """What the input passes through; None is the identity, wherever shapes allow it."""
    stride = step.stride
    if kind == "none":
        return NoShortcut()
    if not step.shrinks and channels == out:
        return None
    if kind == "pad":
        return PadShortcut(out - channels, stride)
    conv = nn.Conv2d(channels, out, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (figure 5, left)."""

    expansion: ClassVar = 1

    def __init__(
        self,
        channels: int,
        width: int,
        step: Step = STAY,
        *,
        shortcut: Shortcut = "project",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        stride, before, after = step
        self.conv1 = nn.Conv2d(channels, width, 3, stride, before, before, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, after, after, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.drop = DropPath(drop_path)
        self.downsample = make_shortcut(shortcut, channels, width, step)
        self.relu2 = nn.ReLU()

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2

    def forward(self, x: Features) -> Features:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.drop(self.bn2(self.conv2(y)))
        y = y + (x if self.downsample is None else self.downsample(x))
        out: Tensor = self.relu2(y)
        return out


class Bottleneck(nn.Module):
    """1×1 to narrow, 3×3, 1×1 to widen, and a shortcut (figure 5, right).

    groups      the 3×3 convolution as that many parallel paths (ResNeXt)
    base_width  channels a group, for a width of 64
    """

    expansion: ClassVar = 4

    def __init__(
        self,
        channels: int,
        width: int,
        step: Step = STAY,
        *,
        groups: int = 1,
        base_width: int = 64,
        shortcut: Shortcut = "project",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        inner, out = width * base_width // 64 * groups, width * self.expansion
        stride, before, _ = step
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, before, before, groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.drop = DropPath(drop_path)
        self.downsample = make_shortcut(shortcut, channels, out, step)
        self.relu3 = nn.ReLU()

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3

    def forward(self, x: Features) -> Features:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.drop(self.bn3(self.conv3(y)))
        y = y + (x if self.downsample is None else self.downsample(x))
        out: Tensor = self.relu3(y)
        return out
