import torch

from vitreous.models import create
from vitreous.models.lenet import C3_TABLE, LeNet5of1998, PartialConv2d, Subsample, drawings


def test_table_of_connections() -> None:
    """Six maps see three contiguous maps, six see four, three see four others, one sees all."""
    assert [len(row) for row in C3_TABLE] == [3] * 6 + [4] * 9 + [6]
    assert len({frozenset(row) for row in C3_TABLE}) == 16
    assert all((row[i + 1] - row[i]) % 6 == 1 for row in C3_TABLE[:12] for i in range(len(row) - 1))
    seen = [sum(into in row for row in C3_TABLE) for into in range(6)]
    assert seen == [10] * 6


def test_maps_see_their_own_inputs_only() -> None:
    conv = PartialConv2d(6, C3_TABLE, 5)
    torch.nn.init.normal_(conv.kernels)
    x = torch.rand(1, 6, 7, 7, requires_grad=True)
    for out, row in enumerate(C3_TABLE):
        gradient = torch.autograd.grad(conv(x)[:, out].sum(), x)[0]
        assert [i for i in range(6) if gradient[0, i].any()] == sorted(row)


def test_subsampling_formula() -> None:
    layer = Subsample(2)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([2.0, -1.0]).view(2, 1, 1))
        layer.bias.copy_(torch.tensor([0.1, 0.2]).view(2, 1, 1))
    x = torch.rand(1, 2, 4, 4)
    mean = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
    expected = 1.7159 * torch.tanh((mean * layer.coefficient + layer.bias) * 2 / 3)
    torch.testing.assert_close(layer(x), expected)


def test_drawings_are_distinct_and_fixed() -> None:
    codes = drawings(30)
    assert codes.shape == (30, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    apart = (codes[:, None] != codes[None]).sum(2) + 84 * torch.eye(30)
    assert apart.min() >= 6
    assert torch.equal(codes[:7], drawings(7))


def test_a_drawing_scores_highest_for_its_own_class() -> None:
    model = create("lenet5_1998")
    assert isinstance(model, LeNet5of1998)
    logits = model.output(drawings(10))
    assert torch.equal(logits.argmax(1), torch.arange(10))
    assert torch.equal(logits.diagonal(), torch.zeros(10))


def test_inputs_of_28_pixels_are_framed() -> None:
    torch.manual_seed(0)
    small = create("lenet5", size=28, mean=0.0).eval()
    large = create("lenet5", size=32, mean=0.0).eval()
    large.load_state_dict(small.state_dict())
    images = torch.rand(3, 1, 28, 28)
    framed = torch.nn.functional.pad(images, (2, 2, 2, 2))
    torch.testing.assert_close(large(framed), small(images))


def test_both_learn() -> None:
    """A few steps on one batch of random images bring the loss down."""
    for name in ("lenet5", "lenet5_1998"):
        torch.manual_seed(0)
        model = create(name)
        images, targets = torch.rand(10, 1, 32, 32), torch.arange(10)
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        losses = []
        for _ in range(60):
            loss = torch.nn.functional.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.2 * losses[0]
