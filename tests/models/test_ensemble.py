import pytest
import torch

from vitreous.errors import UsageError
from vitreous.models import Ensemble, create


def test_probabilities_are_averaged() -> None:
    members = [create("convnet", num_classes=4).eval() for _ in range(7)]
    images = torch.rand(3, 3, 32, 32)
    mean = torch.stack([m(images).softmax(1) for m in members]).mean(0)
    torch.testing.assert_close(Ensemble(members)(images).softmax(1), mean)


def test_one_member_is_the_ensemble() -> None:
    model = create("lenet5").eval()
    images = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(Ensemble([model])(images), model(images).log_softmax(1))


def test_no_member() -> None:
    with pytest.raises(UsageError, match="no networks"):
        Ensemble([])
