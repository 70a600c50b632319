import pytest
import torch

from vitreous.blocks.residual import Residual
from vitreous.errors import UsageError
from vitreous.models import create
from vitreous.models.mlp import hidden_layers, perceptron


def test_forward_by_hand() -> None:
    torch.manual_seed(0)
    model = perceptron(2, 4, 3, act="tanh").double()
    x = torch.rand(5, 2, dtype=torch.float64)
    first, last = model[0].linear, model[1]
    expected = (x @ first.weight.T + first.bias).tanh() @ last.weight.T + last.bias
    torch.testing.assert_close(model(x), expected)


def test_bypass_by_hand() -> None:
    """10/20/10/10: around the 20 units, then around the last 10."""
    torch.manual_seed(0)
    model = perceptron(2, 10, 20, 10, 10, 1, act="tanh", bypass=True)
    x = torch.rand(5, 2)
    h1 = model[0](x)
    h3 = h1 + model[1].body(h1)
    h4 = h3 + model[2].body(h3)
    torch.testing.assert_close(model(x), model[3](h4))
    assert [type(layer) is Residual for layer in model] == [False, True, True, False]


def test_no_equal_widths_no_bypass() -> None:
    assert not any(isinstance(m, Residual) for m in hidden_layers(2, [3, 4, 5], bypass=True))


def test_no_hidden_layer() -> None:
    assert len(perceptron(3, 2)) == 1
    assert [n for n, _ in create("mlp", widths=()).stages()] == ["flatten", "head"]


def test_hidden_layers_have_names() -> None:
    names = [n for n, _ in create("mlp", widths=(7, 8, 9)).stages()]
    assert names == ["flatten", "hidden1", "hidden2", "hidden3", "head"]


@pytest.mark.parametrize("widths", [(3,), (), (2, 0, 1)])
def test_impossible_widths(widths: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        perceptron(*widths)


def test_xor_is_learned_with_two_hidden_units() -> None:
    """Among ten starts at least one; without a hidden layer none ever can."""
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    t = torch.tensor([0.0, 1, 1, 0])

    def solved(*widths: int, seed: int) -> bool:
        torch.manual_seed(seed)
        model = perceptron(*widths, act="tanh")
        optimizer = torch.optim.Adam(model.parameters(), 0.05)
        for _ in range(300):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return bool(((model(x)[:, 0] > 0) == (t > 0)).all())

    assert any(solved(2, 2, 1, seed=seed) for seed in range(10))
    assert not any(solved(2, 1, seed=seed) for seed in range(3))
