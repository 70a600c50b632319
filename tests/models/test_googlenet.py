from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from vitreous.models import create
from vitreous.models.googlenet import GoogLeNet, auxiliary_loss
from vitreous.trace import Graph, graph
from vitreous.trace.graph.graph import Node


@pytest.fixture(scope="module")
def model() -> GoogLeNet:
    torch.manual_seed(0)
    network = create("googlenet", num_classes=3, auxiliary=True)
    assert isinstance(network, GoogLeNet)
    return network


def test_outputs_do_not_depend_on_auxiliary_heads(model: GoogLeNet) -> None:
    plain = create("googlenet", num_classes=3).eval()
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("aux")}
    plain.load_state_dict(state)
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(model.eval()(images), plain(images))


def test_auxiliary_loss_adds_three_tenths_of_each(model: GoogLeNet) -> None:
    images, targets = torch.rand(2, 3, 64, 64), torch.tensor([0, 2])
    logits, first, second = model.eval().with_auxiliary(images)
    torch.testing.assert_close(logits, model(images))
    expected = F.cross_entropy(logits, targets)
    expected = expected + 0.3 * (F.cross_entropy(first, targets) + F.cross_entropy(second, targets))
    torch.testing.assert_close(auxiliary_loss(model, F.cross_entropy, images, targets), expected)


def test_auxiliary_heads_reach_their_layers_only(model: GoogLeNet) -> None:
    _, first, _ = model.eval().with_auxiliary(torch.rand(2, 3, 64, 64))
    model.zero_grad()
    first.sum().backward()
    assert model.get_parameter("inception4a.one.conv.weight").grad is not None
    assert model.get_parameter("inception4b.one.conv.weight").grad is None


def longest_path(network: Graph, counts: Callable[[Node], bool]) -> int:
    """The largest number of such nodes that one path from the image to the logits meets."""
    depth: dict[str, int] = {}
    for node in network.nodes:  # in the order of computation
        before = [depth[edge.source] for edge in network.edges if edge.target == node.id]
        depth[node.id] = max(before, default=0) + counts(node)
    return depth[network.nodes[-1].id]


def test_22_layers_with_weights_and_27_with_pooling() -> None:
    """Section 5 of the paper; both figures are in use."""
    with torch.device("meta"):
        network = graph(create("googlenet"), (3, 224, 224))
    assert longest_path(network, lambda node: node.parameters > 0) == 22
    assert longest_path(network, lambda node: node.parameters > 0 or node.family == "pooling") == 27
