"""Networks by hand and by autograd: the same losses, gradients, statistics and trained weights."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from vitreous.backprop.layers import DropPath, SoftmaxCrossEntropy
from vitreous.backprop.translate.twin import manual_gradients, twin
from vitreous.errors import ModelError
from vitreous.models import create


class Block(nn.Module):
    """A residual block with functions between its modules."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] != self.conv.in_channels:  # code may look at shapes
            raise ValueError(x.shape)
        return F.relu(self.norm(self.conv(x)) + x)


class Gate(nn.Module):
    """Squeeze and excite, a shared layer used twice, a learned scale, and concatenation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shared = nn.Linear(channels, channels)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 0.7))
        self.register_buffer("shift", torch.full((channels, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        summary = self.shared(torch.tanh(self.shared(x.mean((2, 3)))))
        gates = torch.sigmoid(summary)[:, :, None, None]
        y = x * gates * self.scale - self.shift / 2
        return torch.cat([y, 0.5 * x**2], dim=1)


class Tokens(nn.Module):
    """A transformer layer on the pixels of a map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, *_ = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        triple = self.qkv(self.norm(tokens)).reshape(batch, -1, 3, 2, width // 2)
        q, k, v = triple.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(tokens.shape)
        return (tokens + mixed).amax(1) if tokens.dim() == 2 else (tokens + mixed).mean(1)


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).permute(0, 2, 1)
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return mixed.mean(1)  # type: ignore[no-any-return]


class Partial(nn.Module):
    """A kernel with holes, put together from what is learned, and distances as outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = nn.Parameter(torch.randn(3, 3, 3))
        self.bias = nn.Parameter(torch.randn(2))
        self.token = nn.Parameter(torch.randn(1, 1, 6, 6))
        self.register_buffer("places", torch.tensor([[0, 0, 1], [0, 1, 1]]))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.kernels.new_zeros(2, 2, 3, 3)
        weight = weight.index_put((self.places[0], self.places[1]), self.kernels)
        y = F.conv2d(torch.cat([x, -x], 1), weight, self.bias)
        y = torch.cat([y, self.token.expand(len(y), -1, -1, -1)], 1)
        return F.local_response_norm(y, 2)


class HalfDropped(nn.Module):
    """A layer of another kind joins by a method that returns its hand-written layer."""

    def by_hand(self) -> DropPath:
        return DropPath(0.5)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * (torch.rand(len(x), 1, 1, 1, device=x.device) >= 0.5) / 0.5


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 10), nn.Tanh(), nn.Dropout(0.2), nn.Linear(10, 3)
    ),
    "lenet": lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 3)
    ),
    "residual": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), Block(4), Block(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 3),
    ),
    "gate": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3), Gate(4), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(72, 3)
    ),
    "tokens": lambda: nn.Sequential(nn.Conv2d(1, 4, 3, stride=3), Tokens(4), nn.Linear(4, 3)),
    "partial": lambda: nn.Sequential(
        Partial(), HalfDropped(), nn.Flatten(), nn.Linear(108, 3)
    ),
    "attention": lambda: nn.Sequential(nn.Conv2d(1, 4, 3, stride=3), Attending(), nn.Linear(4, 3)),
}  # fmt: skip


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name]().double()


def batch(size: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(size, 1, 8, 8, generator=generator, dtype=torch.float64)
    return images, torch.randint(3, (size,), generator=generator)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_autograds(name: str, training: bool) -> None:
    model = network(name).train(training)
    other = copy.deepcopy(model)
    images, labels = batch()
    by_hand = twin(model, images)
    for _ in range(2):  # gradients add up
        torch.manual_seed(3)
        found = manual_gradients(by_hand, SoftmaxCrossEntropy(), images, labels)
        torch.manual_seed(3)
        expected = F.cross_entropy(other(images), labels)
        expected.backward()
    assert_close(found, expected.detach(), rtol=1e-10, atol=1e-10)
    for (where, mine), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        assert mine.grad is not None, where
        assert theirs.grad is not None
        assert_close(mine.grad, theirs.grad, rtol=1e-10, atol=1e-10)
    for mine_, theirs_ in zip(model.buffers(), other.buffers(), strict=True):
        assert_close(mine_, theirs_, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["mlp", "lenet"])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_training_by_hand_ends_at_the_same_weights(
    name: str, optimizer: type[torch.optim.Optimizer]
) -> None:
    trained = []
    for manual in (True, False):
        model = network(name)
        by_hand, loss = twin(model), SoftmaxCrossEntropy()
        steps = optimizer(model.parameters(), lr=0.01)  # type: ignore[call-arg]
        for number in range(20):
            images, labels = batch(size=5 if number % 4 else 3, seed=number)
            torch.manual_seed(number)
            steps.zero_grad()
            if manual:
                manual_gradients(by_hand, loss, images, labels)
            else:
                F.cross_entropy(model(images), labels).backward()
            steps.step()
        trained.append(model.state_dict())
    for name_ in trained[0]:
        assert_close(trained[0][name_], trained[1][name_], rtol=1e-8, atol=1e-10)


def test_autograd_takes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("autograd was used")

    model = network("residual")
    by_hand = twin(model)
    monkeypatch.setattr(torch.autograd, "backward", refuse)
    monkeypatch.setattr(torch.autograd, "grad", refuse)
    images, labels = batch()
    loss = manual_gradients(by_hand, SoftmaxCrossEntropy(), images, labels)
    assert not loss.requires_grad
    assert all(p.grad is not None and p.grad.grad_fn is None for p in model.parameters())


def test_frozen_layers_get_no_gradient_and_the_others_the_right_one() -> None:
    model = network("residual")
    model[1].requires_grad_(False)  # type: ignore[index]
    other = copy.deepcopy(model)
    images, labels = batch()
    manual_gradients(twin(model), SoftmaxCrossEntropy(), images, labels)
    F.cross_entropy(other(images), labels).backward()
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        if mine.grad is not None:
            assert_close(mine.grad, theirs.grad, rtol=1e-10, atol=1e-10)


def test_one_twin_serves_training_evaluation_and_other_sizes() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.AdaptiveMaxPool2d(2)).double()
    by_hand = twin(model)
    for size in (6, 9):
        images = batch()[0][:, :, :size, :size]
        for training in (True, False):
            model.train(training)
            other = copy.deepcopy(model)
            assert_close(by_hand.forward(images), other(images).detach())


def test_the_model_is_left_without_traces() -> None:
    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.arange(8.0, dtype=torch.float64)

    model = Constant()
    images = batch()[0]
    assert_close(twin(model, images).forward(images), model(images))
    assert not [name for name in vars(model) if name.startswith("_tensor_constant")]


class Reversed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.flip(x, [1])


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn(8, dtype=torch.float64)


class Computed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 8, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * 2)


class Overwriting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = x * 2
        return self.act(y) + y


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class Function(nn.Module):
    """One line of code as a network; `places` is known, but no number."""

    def __init__(self, line: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.line = line
        self.register_buffer("places", torch.tensor([0, 0, 1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.line(x, self.get_buffer("places"))


class Called(nn.Module):
    """A layer that is called with more than a map."""

    def __init__(self, layer: nn.Module, *args: object, **kwargs: object) -> None:
        super().__init__()
        self.layer, self.args, self.kwargs = layer, args, kwargs

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.layer, nn.MultiheadAttention):
            x = x[:, 0]
            return self.layer(x, x, x, *self.args, **self.kwargs)[0]  # type: ignore[no-any-return]
        return self.layer(x, *self.args, **self.kwargs)  # type: ignore[no-any-return]


def attention() -> nn.Module:
    return nn.MultiheadAttention(8, 2, batch_first=True).double()


@pytest.mark.parametrize(
    "line",
    [
        lambda x, _: x[:, 0, 1:-1, None],
        lambda x, _: x[..., ::2] * 2,
        lambda x, _: F.conv2d(x, x.new_ones(1, 1, 3, 5), padding="same"),
        lambda x, _: F.conv2d(x, x.new_ones(1, 1, 3, 3), None, 2, "valid"),
        lambda x, _: F.softmax(x, 2) + x.log_softmax(dim=1),
    ],
)
def test_functions_do_what_torch_does(line: Callable[[Tensor, Tensor], Tensor]) -> None:
    model, images = nn.Sequential(nn.PReLU().double(), Function(line)), batch()[0]
    by_hand = twin(model)
    found, expected = by_hand.forward(images - 0.5), model(images - 0.5)
    assert_close(found, expected.detach())
    by_hand.backward(found)
    (by_autograd,) = torch.autograd.grad(expected, [*model.parameters()], found)
    assert_close(next(model.parameters()).grad, by_autograd)


@pytest.mark.parametrize("settings", [{}, {"need_weights": False}, {"attn_mask": None}])
def test_arguments_that_change_nothing_are_taken(settings: dict[str, object]) -> None:
    model, images = Called(attention(), **settings), batch()[0]
    assert_close(twin(model).forward(images), model(images).detach())


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (Function(lambda x, _: x[:, :, [0, 0, 1]]), "numbers and slices"),
        (Function(lambda x, places: x[:, :, places]), "numbers and slices"),
        (Function(lambda x, places: x[:, :, places + 1]), "numbers and slices"),
        (Function(lambda x, p: x.new_zeros(2).index_put((p,), x[0, 0, 0, :3])), "twice"),
        (Called(attention(), attn_mask=torch.zeros(8, 8).double()), "attn_mask"),
        (Called(attention(), torch.zeros(5, 8) > 0), "key_padding_mask"),
        (Called(attention(), attn_mask=torch.ones(8, 8).triu(1) > 0, is_causal=True), "attn_mask"),
        (Called(nn.ConvTranspose2d(1, 1, 2, 2).double(), [17, 17]), "output_size"),
        (Function(lambda x, _: torch.add(x, x, alpha=2)), "alpha"),
        (Function(lambda x, _: torch.div(x, 2, rounding_mode="floor")), "rounding_mode"),
        (Function(lambda x, _: x.softmax(1, torch.float64)), "argument"),
        (Function(lambda x, _: F.softmax(x, 1, dtype=torch.float32)), "number format"),
        (Function(lambda x, _: F.conv2d(x, x.new_ones(1, 1, 2, 2), padding="same")), "even"),
        (Function(lambda x, _: F.conv2d(x, x.new_ones(1, 1, 2, 2), x.sum((0, 2, 3)))), "bias"),
        (Reversed(), "flip"),
        (Branching(), "followed"),
        (Noisy(), "random"),
        (Computed(), "computed"),
        (Overwriting(), "overwrites"),
        (Pair(), "something else"),
        (nn.Sequential(nn.LSTM(8, 8)), "followed|table"),
        (nn.Sequential(nn.GELU("tanh")), "approximate"),
    ],
)
def test_what_cannot_be_done_by_hand_is_refused_with_a_reason(module: nn.Module, why: str) -> None:
    with pytest.raises(ModelError, match=why) as raised:
        twin(module, batch()[0])
    assert "autograd" in str(raised.value.remedy)


def test_a_twin_reads_like_a_program() -> None:
    by_hand = twin(network("lenet"))
    assert "not run yet" in repr(by_hand)
    by_hand.forward(batch()[0])
    lines = repr(by_hand).splitlines()
    assert lines[1] == "    1 = _0: Convolution(weight (3, 1, 3, 3), bias (3,))(0)"
    assert lines[2] == "    2 = _1: Pointwise(z = max(0, x))(1)"


def test_gradients_lie_in_memory_as_their_parameters_do() -> None:
    """Fused optimizers read both as plain memory, and would mix the weights up."""
    model = create("lenet5", num_classes=10, in_channels=1, size=28)
    model = model.to(memory_format=torch.channels_last)
    images = torch.rand(4, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    made = twin(model)
    made.backward(made.forward(images))
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.stride() == parameter.stride(), name
