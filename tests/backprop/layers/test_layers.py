"""Every layer by hand against torch's own, by autograd, and against finite differences."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vitreous import losses
from vitreous.backprop import layers as modules
from vitreous.backprop.gradcheck import check
from vitreous.backprop.layers import (
    Attention,
    BatchNorm,
    Bias,
    BinaryHinge,
    Branches,
    CentersAndBoxes,
    Chain,
    ClassAndBox,
    ComputedConvolution,
    Concatenate,
    Convolution,
    Dropout,
    DropPath,
    Expand,
    Flatten,
    GlobalAverage,
    GlobalMax,
    Hinge,
    Identity,
    Layer,
    Linear,
    Loss,
    MappedClassAndBox,
    MaxPool,
    Operation,
    Pad,
    Permute,
    PlaceCrossEntropy,
    Pointwise,
    Reshape,
    Residual,
    Scatter,
    SigmoidCrossEntropy,
    Slice,
    SmoothL1,
    SoftmaxCrossEntropy,
    SquaredError,
)
from vitreous.backprop.tape.rules import RULES
from vitreous.backprop.translate.convert import LAYERS, layer
from vitreous.backprop.translate.functions import FUNCTIONS, RESHAPES
from vitreous.errors import ModelError, ShapeError

IMAGES = (2, 4, 7, 9)

# Modules with the shape of an input. Each is compared with its hand-written layer.
TORCH: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Identity(), (3, 4)),
    (nn.Flatten(), IMAGES),
    (nn.Flatten(2), IMAGES),
    (nn.Linear(4, 3), (5, 4)),
    (nn.Linear(4, 3, bias=False), (2, 5, 4)),
    (nn.Conv2d(4, 6, 3), IMAGES),
    (nn.Conv2d(4, 6, 3, stride=2, padding=1), IMAGES),
    (nn.Conv2d(4, 6, (3, 2), stride=(3, 2), padding=(2, 1), dilation=(1, 2)), (2, 4, 8, 11)),
    (nn.Conv2d(4, 6, 3, groups=2, bias=False), IMAGES),
    (nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4), IMAGES),
    (nn.Conv2d(4, 2, 3, padding="same", dilation=2), IMAGES),
    (nn.Conv2d(4, 2, 2, padding="valid", stride=3), IMAGES),
    (nn.ConvTranspose2d(4, 6, 3), (2, 4, 3, 5)),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1), (2, 4, 3, 5)),
    (nn.ConvTranspose2d(4, 6, (2, 3), stride=(3, 1), dilation=2, groups=2), (2, 4, 3, 5)),
    (nn.BatchNorm1d(4), (5, 4)),
    (nn.BatchNorm2d(4), IMAGES),
    (nn.BatchNorm2d(4, momentum=None), IMAGES),
    (nn.BatchNorm2d(4, affine=False, track_running_stats=False), IMAGES),
    (nn.LayerNorm(4), (2, 3, 4)),
    (nn.LayerNorm((3, 4), elementwise_affine=False), (2, 3, 4)),
    (nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5), IMAGES),
    (nn.LocalResponseNorm(4, alpha=2.0), (2, 5, 3)),
    (nn.MaxPool2d(2), IMAGES),
    (nn.MaxPool2d(3, 2, 1), IMAGES),
    (nn.MaxPool2d((2, 3), (1, 2), dilation=2, ceil_mode=True), IMAGES),
    (nn.AvgPool2d(2), IMAGES),
    (nn.AvgPool2d(3, 2, 1), IMAGES),
    (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (2, 4, 8, 10)),
    (nn.AvgPool2d((2, 3), 2, 1, ceil_mode=True, count_include_pad=False), IMAGES),
    (nn.AdaptiveAvgPool2d(1), IMAGES),
    (nn.AdaptiveAvgPool2d((3, None)), IMAGES),
    (nn.AdaptiveMaxPool2d((3, 2)), IMAGES),
    (nn.Dropout(0.3), (5, 4)),
    (nn.Dropout(1.0), (5, 4)),
    (nn.Dropout2d(0.5), IMAGES),
    (nn.MultiheadAttention(6, 2, batch_first=True), (2, 5, 6)),
    (nn.MultiheadAttention(6, 3, bias=False, batch_first=True), (2, 5, 6)),
    (nn.PReLU(), (5, 4)),
    (nn.PReLU(4), IMAGES),
    (nn.LeakyReLU(), (5, 4)),
    (nn.LeakyReLU(0.2), (5, 4)),
    (nn.ReLU(), (5, 4)),
    (nn.ReLU6(), (5, 4)),
    (nn.ELU(), (5, 4)),
    (nn.Sigmoid(), (5, 4)),
    (nn.Tanh(), (5, 4)),
    (nn.Softplus(), (5, 4)),
    (nn.GELU(), (5, 4)),
    (nn.SiLU(), (5, 4)),
    (nn.Hardtanh(), (5, 4)),
    (nn.Hardsigmoid(), (5, 4)),
    (nn.Hardswish(), (5, 4)),
    (nn.Softmax(1), (5, 4)),
    (nn.LogSoftmax(-1), (2, 5, 4)),
]


def inputs(*shape: int, seed: int = 0) -> Tensor:
    """Float64 values a little away from zero, where many derivatives jump."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return x + 0.05 * torch.sign(x)


def prepared(module: nn.Module, training: bool) -> nn.Module:
    """In float64, with parameters and statistics that are no zeros and ones."""
    generator = torch.Generator().manual_seed(1)
    module = copy.deepcopy(module).double().train(training)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.2)
    return module


def run(module: nn.Module, x: Tensor) -> Tensor:
    result = module(x, x, x)[0] if isinstance(module, nn.MultiheadAttention) else module(x)
    assert isinstance(result, Tensor)
    return result


MOODY = (nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Dropout2d)  # with a mode of evaluation

CASES = [
    pytest.param(module, shape, training, id=f"{module}-{'train' if training else 'eval'}")
    for module, shape in TORCH
    for training in ((True, False) if isinstance(module, MOODY) else (True,))
]


@pytest.mark.parametrize(("module", "shape", "training"), CASES)
def test_a_layer_agrees_with_torchs(
    module: nn.Module, shape: tuple[int, ...], training: bool
) -> None:
    theirs = prepared(module, training)
    own = prepared(module, training)
    mine = layer(own)
    mine.training = training
    x = inputs(*shape).requires_grad_()
    for seed in (0, 1):  # twice: statistics move on
        torch.manual_seed(seed)
        expected = run(theirs, x)
        torch.manual_seed(seed)
        found = mine(x.detach())
        assert_close(found, expected.detach(), rtol=1e-10, atol=1e-10)
    gradient = inputs(*expected.shape, seed=2)
    by_autograd = torch.autograd.grad(expected, [x, *theirs.parameters()], gradient)
    by_x = mine.backward(gradient)
    by_x = by_x if isinstance(by_x, Tensor) else by_x[0]
    # torch keeps 1/6 in single precision
    rough = isinstance(module, (nn.Hardsigmoid, nn.Hardswish))
    tolerance = 1e-7 if rough else 1e-10
    assert_close(by_x, by_autograd[0], rtol=tolerance, atol=tolerance)
    known = {id(p): name for name, p in mine.parameters().items()}
    for parameter, wanted in zip(own.parameters(), by_autograd[1:], strict=True):
        assert_close(mine.gradients[known[id(parameter)]], wanted, rtol=1e-10, atol=1e-10)
    for ours, buffer in zip(own.buffers(), theirs.buffers(), strict=True):
        assert_close(ours, buffer, rtol=1e-10, atol=1e-10)


def test_every_supported_module_is_compared() -> None:
    assert {type(module) for module, _ in TORCH} == set(LAYERS)


def linear(outputs: int, width: int, seed: int) -> Linear:
    return Linear(inputs(outputs, width, seed=seed), inputs(outputs, seed=seed + 1))


LABELS = torch.tensor([2, 0, 1, 2])
MASKS = torch.tensor([[[0, 2, 9, 1], [1, 1, 0, 2]], [[9, 9, 9, 2], [9, 9, 9, 9]], [[9] * 4] * 2])
SHARES = torch.softmax(inputs(4, 3, seed=7), 1)
SIGNS = torch.sign(inputs(4, 3, seed=8))

# Layers with their inputs. Together with the modules above they are all that there are.
BY_HAND: list[tuple[Callable[[], Layer], tuple[Tensor, ...]]] = [
    (lambda: Bias(inputs(4, 1, 1, seed=1)), (inputs(*IMAGES),)),
    (lambda: Chain(linear(5, 3, 1), Pointwise(RULES["tanh"]), linear(2, 5, 3)), (inputs(4, 3),)),
    (lambda: Residual(linear(3, 3, 1)), (inputs(4, 3),)),
    (lambda: Residual(linear(5, 3, 1), linear(5, 3, 3)), (inputs(4, 3),)),
    (lambda: Branches(linear(5, 3, 1), linear(2, 3, 3), Identity()), (inputs(4, 3),)),
    (lambda: Concatenate(1), (inputs(4, 3), inputs(4, 2, seed=1), inputs(4, 5, seed=2))),
    (lambda: Attention(), tuple(inputs(2, 5, 3, seed=s) for s in range(3))),
    (lambda: Attention(causal=True), tuple(inputs(2, 5, 3, seed=s) for s in range(3))),
    (lambda: GlobalAverage(), (inputs(*IMAGES),)),
    (lambda: GlobalMax(), (inputs(*IMAGES),)),
    (lambda: Reshape(2, 6), (inputs(5, 3, 4),)),
    (lambda: Permute(2, 0, -2), (inputs(5, 3, 4),)),
    (lambda: Slice((slice(None), 1)), (inputs(5, 3, 4),)),
    (lambda: Expand(2, 5, 3), (inputs(5, 1),)),
    (lambda: Scatter((torch.tensor([2, 0]),)), (inputs(3, 4), inputs(2, 4, seed=1))),
    (
        lambda: ComputedConvolution(inputs(6, seed=2), stride=2, groups=2),
        (inputs(*IMAGES), inputs(6, 2, 3, 3, seed=1)),
    ),
    (lambda: DropPath(0.4), (inputs(*IMAGES),)),
    (lambda: Pad(1, 0, 2, 3), (inputs(*IMAGES),)),
    (lambda: Operation(RULES["multiply"]), (inputs(5, 3), inputs(3, seed=1))),
    (lambda: SoftmaxCrossEntropy(), (inputs(4, 3), LABELS)),
    (lambda: SoftmaxCrossEntropy(smoothing=0.2), (inputs(4, 3), LABELS)),
    (lambda: SoftmaxCrossEntropy(smoothing=0.2, ignore=9), (inputs(3, 3, 2, 4), MASKS)),
    (lambda: SigmoidCrossEntropy(), (inputs(4, 3), LABELS[:, None] == torch.arange(3))),
    (lambda: Hinge(margin=0.7), (inputs(4, 3), LABELS)),
    (lambda: BinaryHinge(), (inputs(4, 3), LABELS[:, None].expand(4, 3) - 1)),
]


@pytest.mark.parametrize(
    ("build", "given"), BY_HAND, ids=lambda x: "" if isinstance(x, tuple) else repr(x())
)
def test_a_layer_agrees_with_finite_differences(
    build: Callable[[], Layer], given: tuple[Tensor, ...]
) -> None:
    report = check(build(), given, tolerance=1e-6, entries=12)
    assert report.right, str(report)
    assert all(finding.checked for finding in report.findings)


@pytest.mark.parametrize(("module", "shape", "training"), CASES)
def test_a_torch_layers_twin_agrees_with_finite_differences(
    module: nn.Module, shape: tuple[int, ...], training: bool
) -> None:
    mine = layer(prepared(module, training))
    mine.training = training
    report = check(mine, inputs(*shape), tolerance=1e-6, entries=6)
    assert report.right, str(report)


ELSEWHERE = {
    ClassAndBox, CentersAndBoxes, MappedClassAndBox, PlaceCrossEntropy, SquaredError, SmoothL1
}  # fmt: skip
"""Compared below, or beside the losses that they are the derivatives of."""


def test_every_layer_is_compared() -> None:
    def concrete(kind: type[Layer]) -> set[type[Layer]]:
        return {kind}.union(*(concrete(sub) for sub in kind.__subclasses__()))

    tested = {type(build()) for build, _ in BY_HAND} | {type(layer(m)) for m, _ in TORCH}
    ours = {kind for kind in concrete(Layer) if kind.__module__.startswith("vitreous.backprop.")}
    assert ours - {Layer, Loss} == tested | ELSEWHERE
    assert {kind.__name__ for kind in ours} <= set(modules.__all__)


TARGETS: list[tuple[Loss, Callable[[Tensor], Tensor], Tensor]] = [
    (SoftmaxCrossEntropy(), lambda o: nn.functional.cross_entropy(o, LABELS), LABELS),
    (SoftmaxCrossEntropy(), lambda o: nn.functional.cross_entropy(o, SHARES), SHARES),
    (
        SoftmaxCrossEntropy(smoothing=0.1),
        lambda o: nn.functional.cross_entropy(o, LABELS, label_smoothing=0.1),
        LABELS,
    ),
    (
        SoftmaxCrossEntropy(weights=torch.tensor([1.0, 3.0, 0.5]), smoothing=0.1),
        lambda o: (
            nn.functional.cross_entropy(o, LABELS, label_smoothing=0.1, reduction="none")
            * torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64)[LABELS]
        ).mean(),
        LABELS,
    ),
    (SquaredError(), lambda o: nn.functional.mse_loss(o, SHARES), SHARES),
    (SmoothL1(), lambda o: nn.functional.smooth_l1_loss(o, SHARES), SHARES),
    (SmoothL1(delta=0.2), lambda o: nn.functional.smooth_l1_loss(o, SHARES, beta=0.2), SHARES),
    (Hinge(), lambda o: nn.functional.multi_margin_loss(o, LABELS), LABELS),
    (
        Hinge(margin=0.3),
        lambda o: nn.functional.multi_margin_loss(o, LABELS, margin=0.3),
        LABELS,
    ),
    (Hinge(), lambda o: losses.hinge(o, SHARES), SHARES),
    (
        Hinge(weights=torch.tensor([1.0, 3.0, 0.5])),
        lambda o: losses.hinge(
            o, SHARES, weights=torch.tensor([1.0, 3.0, 0.5]).double(), reduction="none"
        ).mean(),
        SHARES,
    ),
    (BinaryHinge(), lambda o: (1 - SIGNS * o).clamp(min=0).mean(), SIGNS),
    (
        SigmoidCrossEntropy(),
        lambda o: nn.functional.binary_cross_entropy_with_logits(o, (SIGNS + 1) / 2),
        (SIGNS + 1) / 2,
    ),
]


@pytest.mark.parametrize(("loss", "reference", "targets"), TARGETS)
def test_a_loss_and_its_gradient_are_torchs(
    loss: Loss, reference: Callable[[Tensor], Tensor], targets: Tensor
) -> None:
    outputs = inputs(4, 3).requires_grad_()
    expected = reference(outputs)
    (gradient,) = torch.autograd.grad(expected, outputs)
    assert_close(loss(outputs.detach(), targets), expected.detach(), rtol=1e-10, atol=1e-10)
    assert_close(loss.backward(), gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 3.0, 0.5]).double()])
def test_over_a_map_the_pixels_that_count_are_averaged(
    smoothing: float, weights: Tensor | None
) -> None:
    """Image by image: one with few of them counts as much, and one with none has no loss."""
    outputs = inputs(3, 3, 2, 4).requires_grad_()
    counted = MASKS != 9
    pixels = nn.functional.cross_entropy(
        outputs, MASKS, ignore_index=9, label_smoothing=smoothing, reduction="none"
    )
    if weights is not None:
        pixels = pixels * weights[MASKS.where(counted, 0)]
    expected = (pixels.sum((1, 2)) / counted.sum((1, 2)).clamp_min(1)).mean()
    (gradient,) = torch.autograd.grad(expected, outputs)
    loss = SoftmaxCrossEntropy(smoothing=smoothing, weights=weights, ignore=9)
    assert_close(loss(outputs.detach(), MASKS), expected.detach())
    assert_close(loss.backward(), gradient)
    assert not gradient[2].any()


def test_every_loss_is_compared() -> None:
    assert {type(loss) for loss, _, _ in TARGETS} == set(modules.LOSSES.values())


def test_examples_weigh_as_much_as_asked() -> None:
    outputs, weights = inputs(4, 3).requires_grad_(), torch.tensor([1.0, 0.0, 2.0, 5.0]).double()
    losses = nn.functional.cross_entropy(outputs, LABELS, reduction="none")
    expected = (losses * weights).sum() / 16
    (gradient,) = torch.autograd.grad(expected, outputs)
    loss = SoftmaxCrossEntropy()
    assert_close(loss(outputs.detach(), LABELS, weights, 16), expected.detach())
    assert_close(loss.backward(), gradient)
    assert_close(loss(outputs.detach(), LABELS, weights), 2 * expected.detach())


def test_cross_entropy_of_far_logits_is_finite() -> None:
    outputs = torch.tensor([[1e4, -1e4, 0.0]])
    for loss, targets in [
        (SoftmaxCrossEntropy(), torch.tensor([1])),
        (SigmoidCrossEntropy(), torch.tensor([[0.0, 1.0, 1.0]])),
    ]:
        assert torch.isfinite(loss(outputs, targets))
        assert torch.isfinite(loss.backward()).all()


@pytest.mark.parametrize("wrongness", [2.0, 5.0, 10.0])
def test_cross_entropy_does_not_saturate_where_the_squared_error_does(wrongness: float) -> None:
    """A sigmoid unit, wrong by far: o − y against (o − y) σ′."""
    z, y = torch.tensor([[wrongness]], dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    o = torch.sigmoid(z)
    entropy = SigmoidCrossEntropy()
    entropy(z, y)
    by_entropy = entropy.backward()
    assert_close(by_entropy, o - y)
    chain = Pointwise(RULES["sigmoid"])
    squared = SquaredError()
    squared(chain(z), y)
    by_square = chain.backward(squared.backward()) / 2  # of ½ (o − y)²
    assert_close(by_square, (o - y) * o * (1 - o))
    assert float(by_entropy / by_square) > 0.99 * torch.e**wrongness


def test_the_winner_of_a_max_pool_takes_the_whole_gradient() -> None:
    x = inputs(2, 3, 6, 8)
    pool = MaxPool(2)
    largest = pool(x)
    mask = pool.backward(torch.ones_like(largest))
    windows = mask.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    assert_close(windows.sum(-1), torch.ones_like(largest))
    assert set(windows.unique().tolist()) == {0.0, 1.0}
    assert_close((x * mask).unfold(2, 2, 2).unfold(3, 2, 2).sum((-1, -2)), largest)


def test_of_equal_values_the_first_in_reading_order_wins() -> None:
    pool = MaxPool(2)
    pool(torch.ones(1, 1, 2, 2))
    assert_close(pool.backward(torch.ones(1, 1, 1, 1)), torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]))


def test_overlapping_windows_add_what_their_common_winner_gets() -> None:
    x = torch.zeros(1, 1, 3, 3)
    x[..., 1, 1] = 1
    pool = MaxPool(2, 1)
    pool(x)
    assert_close(pool.backward(torch.ones(1, 1, 2, 2)), 4 * x)


def test_dropout_drops_the_given_proportion_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropout = Dropout(0.2)
    y = dropout(torch.ones(100_000))
    assert_close(float((y == 0).double().mean()), 0.2, rtol=0, atol=0.005)
    assert_close(float(y.mean()), 1.0, rtol=0, atol=0.01)
    dropout.training = False
    assert_close(dropout(torch.ones(5)), torch.ones(5))


def test_gamma_is_a_deviation_not_a_variance() -> None:
    norm = BatchNorm(torch.full((1,), 3.0), torch.full((1,), 7.0), epsilon=0.0)
    y = norm(torch.randn(10_000, 1, generator=torch.Generator().manual_seed(0)))
    assert_close(float(y.std(correction=0)), 3.0, rtol=1e-4, atol=0)
    assert_close(float(y.mean()), 7.0, rtol=1e-4, atol=0)


def test_batch_norm_refuses_statistics_of_one_value() -> None:
    norm = BatchNorm(torch.ones(3), torch.zeros(3))
    with pytest.raises(ShapeError, match=r"\(1, 3, 1, 1\)"):
        norm(torch.ones(1, 3, 1, 1))


def test_a_strided_convolution_ignores_borders_that_no_window_reached() -> None:
    convolution = Convolution(torch.ones(1, 1, 2, 2), stride=3)
    convolution(torch.ones(1, 1, 7, 7))
    below = convolution.backward(torch.ones(1, 1, 2, 2))
    assert isinstance(below, Tensor)
    assert below.shape == (1, 1, 7, 7)
    assert float(below[..., 5:, :].abs().sum()) == 0


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (nn.GELU(approximate="tanh"), "approximate"),
        (nn.ELU(alpha=2.0), "alpha"),
        (nn.Conv2d(1, 1, 3, padding_mode="circular"), "zeros"),
        (nn.Conv2d(1, 1, 2, padding="same"), "even"),
        (nn.AvgPool2d(2, divisor_override=3), "divides"),
        (nn.MaxPool2d(2, return_indices=True), "indices"),
        (nn.MultiheadAttention(4, 2), "batch-first"),
        (nn.MultiheadAttention(4, 2, dropout=0.1, batch_first=True), "drops"),
        (nn.LSTM(2, 2), "table of layers"),
    ],
)
def test_what_has_no_derivative_by_hand_is_refused(module: nn.Module, why: str) -> None:
    with pytest.raises(ModelError, match=why) as raised:
        layer(module)
    assert "autograd" in str(raised.value.remedy)


def test_layers_say_what_they_are() -> None:
    assert repr(linear(2, 3, 0)) == "Linear(weight (2, 3), bias (2,))"
    assert repr(Pointwise(RULES["relu"])) == "Pointwise(z = max(0, x))"
    assert repr(Flatten()) == "Flatten()"
    with pytest.raises(ValueError, match="not pointwise"):
        Pointwise(RULES["matmul"])


def test_the_tables_of_functions_name_rules_that_exist() -> None:
    tensor: Any = object()
    for name in ("add", "relu", "mean", "softmax"):
        made, operands = FUNCTIONS[name](tensor, *([1] if name in ("add", "softmax") else []))
        assert isinstance(made, Layer)
        assert operands[0] is tensor
    assert not RESHAPES & set(FUNCTIONS)
