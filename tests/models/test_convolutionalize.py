import pytest
import torch

from vitreous.errors import ModelError
from vitreous.models import convolutionalize, create


@pytest.mark.parametrize(
    ("name", "size", "stride"),
    [
        ("lenet5", 32, 4),
        ("resnet20", 32, 4),
        ("mobilenet_v2", 64, 32),
        ("nin_cifar", 32, 4),
        ("convnet", 32, 8),
        ("mlp", 28, 1),
    ],
)
def test_native_size_and_larger(name: str, size: int, stride: int) -> None:
    torch.manual_seed(0)
    model = create(name, num_classes=7, size=size).eval()
    sliding = convolutionalize(model, size)
    images = torch.rand(2, model.in_channels, size, size)
    with torch.no_grad():
        torch.testing.assert_close(sliding(images).flatten(1), model(images), rtol=1e-5, atol=1e-5)
        larger = sliding(torch.rand(1, model.in_channels, size + stride, size + 2 * stride))
    assert larger.shape == (1, 7, 2, 3)


def test_each_place_is_the_answer_of_its_window() -> None:
    """LeNet on 32 pixels pads nothing, so that windows do not see their surroundings."""
    torch.manual_seed(0)
    model = create("lenet5", num_classes=3).eval()
    image = torch.rand(1, 1, 40, 44)
    with torch.no_grad():
        answers = convolutionalize(model)(image)
        for row in range(3):
            for column in range(4):
                window = image[:, :, 4 * row : 4 * row + 32, 4 * column : 4 * column + 32]
                torch.testing.assert_close(
                    answers[:, :, row, column], model(window), rtol=1e-4, atol=1e-5
                )


@pytest.mark.slow
def test_vgg_at_its_own_size() -> None:
    torch.manual_seed(0)
    model = create("vgg11", num_classes=10).eval()
    sliding = convolutionalize(model)
    with torch.no_grad():
        images = torch.rand(1, 3, 224, 224)
        torch.testing.assert_close(sliding(images).flatten(1), model(images), rtol=1e-5, atol=1e-5)
        assert sliding(torch.rand(1, 3, 256, 288)).shape == (1, 10, 2, 3)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_in_its_mode(training: bool) -> None:
    model = create("convnet", num_classes=2).train(training)
    before = [(m.training, getattr(m, "inplace", None)) for m in model.modules()]
    sliding = convolutionalize(model, 32)
    assert [(m.training, getattr(m, "inplace", None)) for m in model.modules()] == before
    assert sliding.training == training


@pytest.mark.parametrize("where", [torch.float64, torch.device("meta")])
def test_the_probe_is_where_the_network_is(where: torch.dtype | torch.device) -> None:
    model = create("convnet", num_classes=2, size=32).eval().to(where)  # type: ignore[arg-type]
    image = torch.zeros(1, 3, 40, 40).to(where)
    with torch.no_grad():
        answers = convolutionalize(model, 32)(image)
    assert (answers.shape, answers.dtype, answers.device) == (
        (1, 2, 2, 2),
        image.dtype,
        image.device,
    )


def test_resized_maps_cannot_slide() -> None:
    with pytest.raises(ModelError, match="resizes its maps"):
        convolutionalize(create("alexnet_2014", num_classes=2), 96)


@pytest.mark.parametrize("name", ["vit_nano4", "mlp_residual", "lenet5_1998"])
def test_networks_without_maps(name: str) -> None:
    with pytest.raises(ModelError, match="Only convolutional networks"):
        convolutionalize(create(name))
