import torch

from vitreous.models import create
from vitreous.models.linear import Linear, templates


def test_score_is_the_correlation_with_a_template() -> None:
    torch.manual_seed(0)
    model = create("linear", in_channels=3, size=(5, 4), num_classes=6)
    assert isinstance(model, Linear)
    images = torch.rand(2, 3, 5, 4)
    black = model(torch.zeros(1, 3, 5, 4))
    scores = torch.einsum("lchw,bchw->bl", templates(model), images) + black
    torch.testing.assert_close(model(images), scores)


def test_templates_have_the_shape_of_images() -> None:
    model = create("linear", size=28)
    assert isinstance(model, Linear)
    assert templates(model).shape == (10, 1, 28, 28)
