from __future__ import annotations

import torch
from torch import nn

from vitreous.training.recalibrate import recalibrate


def test_a_single_layer_gets_the_statistics_of_the_whole_set() -> None:
    """However the set is cut into batches; an average of the batches' variances would be lower."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(37, 3, 4, 4, generator=generator) * torch.arange(1, 38).view(-1, 1, 1, 1)
    layer = nn.BatchNorm2d(3)
    columns = images.double().transpose(0, 1).flatten(1)
    for sizes in ([37], [10, 10, 10, 7], [36, 1]):
        assert recalibrate(layer, images.split(sizes)) == 1
        torch.testing.assert_close(
            layer.running_mean.double(), columns.mean(1), rtol=1e-5, atol=1e-6
        )
        torch.testing.assert_close(layer.running_var.double(), columns.var(1), rtol=1e-5, atol=1e-6)


def test_evaluation_then_agrees_with_training(net) -> None:
    """With the whole set as one batch, both modes normalize by the same numbers."""
    model = net(dropout=0.0)
    images = torch.rand(64, 1, 6, 6)
    model.train()(torch.rand(8, 1, 6, 6) * 5)  # running averages of something else
    recalibrate(model, [images])
    trained = model.train()(images)
    model.eval()
    recalibrate(model, [images])
    # The running variance is unbiased, that of the batch is not: 64 · 16 values a channel.
    torch.testing.assert_close(model(images), trained, rtol=2e-3, atol=2e-3)


def test_frozen_layers_keep_theirs() -> None:
    class Frozen(nn.BatchNorm2d):
        def train(self, mode: bool = True) -> nn.BatchNorm2d:
            return super().train(False)

    model = nn.Sequential(Frozen(2), nn.BatchNorm2d(2)).eval()
    assert recalibrate(model, [torch.rand(8, 2, 3, 3) + 5]) == 1
    assert torch.equal(model[0].running_mean, torch.zeros(2))
    assert (model[1].running_mean > 4).all()


def test_nothing_else_changes(net) -> None:
    model = net().eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    recalibrate(model, [torch.rand(16, 1, 6, 6)])
    changed = {n for n, t in model.state_dict().items() if not torch.equal(before[n], t)}
    assert changed == {"1.running_mean", "1.running_var"}
    assert not any(module.training for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_an_error_leaves_the_model_as_it_was(net) -> None:
    model = net()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    try:
        recalibrate(model, [torch.rand(16, 1, 6, 6), torch.rand(16, 9, 6, 6)])
    except RuntimeError:
        pass
    else:
        raise AssertionError("nine channels should not fit")
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert model.training
