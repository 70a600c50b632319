"""Attacks against closed forms on linear models, and what every attack promises."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitreous.errors import ModelError, UsageError
from vitreous.models import create
from vitreous.robust import ATTACKS, CLASSES, NORMS, Goal
from vitreous.robust.adversarial_patch import patch, patch_for
from vitreous.robust.attacks import attack_of, options_of
from vitreous.robust.deepfool import deepfool
from vitreous.robust.epsilon import epsilon
from vitreous.robust.fgsm import fgsm
from vitreous.robust.goal import judged, slope
from vitreous.robust.minimal_distortion import minimal_distortion
from vitreous.robust.norms import norm_of
from vitreous.robust.pgd import pgd
from vitreous.robust.random_search import random_search
from vitreous.robust.universal import perturbation, universal
from vitreous.tasks.classify import Classify
from vitreous.tasks.label import Label
from vitreous.tasks.margins import class_margins, label_margins

SIZE = 3 * 5 * 4


def plane(classes: int = 2) -> nn.Sequential:
    """A linear network in float64 on images of 3 × 5 × 4."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIZE, classes)).double()


def gray(count: int) -> Tensor:
    """Images so far from black and white that no attack here meets either."""
    generator = torch.Generator().manual_seed(5)
    return 0.4 + 0.2 * torch.rand(count, 3, 5, 4, generator=generator, dtype=torch.float64)


def normals(model: nn.Sequential, labels: Tensor) -> Tensor:
    """(B, SIZE) the gradient of the only margin."""
    weights = model[1].weight.detach()
    return weights[labels] - weights[1 - labels]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A small one with all that has a mode, which gives each of its four answers about as often."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Linear(72, 4),
    ).eval()
    with torch.no_grad():
        made[6].weight.mul_(20)
        made[6].bias.sub_(made(torch.rand(200, 1, 8, 8)).mean(0))
    return made


def labeled(network: nn.Module, count: int = 6) -> tuple[Tensor, dict[str, Tensor]]:
    """Images, and the answers to them as what is true."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(count, 1, 8, 8, generator=generator)
    network.eval()
    with torch.no_grad():
        return images, {"class": network(images).argmax(1)}


DUALS = {"inf": 1, "2": 2}


@pytest.mark.parametrize("norm", DUALS)
@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_on_a_linear_model_the_margin_falls_by_eps_times_the_dual_norm(
    attack: Any, norm: str
) -> None:
    model, images = plane(), gray(6)
    labels, eps = torch.tensor([0, 1, 0, 1, 0, 1]), 0.02
    options = {} if attack is fgsm else {"step": eps / 2}  # along a sphere, small ones take long
    found = attack(model, images, {"class": labels}, eps=eps, norm=norm, **options)
    with torch.no_grad():
        before = class_margins(model(images), labels)[:, 0]
        after = class_margins(model(found), labels)[:, 0]
    fall = eps * normals(model, labels).norm(p=DUALS[norm], dim=1)
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if attack is fgsm else {"rtol": 1e-3, "atol": 1e-6}
    torch.testing.assert_close(before - after, fall, **tolerance)


def test_l1_pgd_comes_near_the_best_that_one_pixel_can_do() -> None:
    """The dual of L1 is L∞: all of ε on the value with the largest weight."""
    model, images, labels, eps = plane(), gray(4), torch.tensor([0, 1, 0, 1]), 0.3
    found = pgd(model, images, {"class": labels}, eps=eps, norm="1", steps=100, step=eps)
    with torch.no_grad():
        fall = class_margins(model(images) - model(found), labels)[:, 0]
    best = eps * normals(model, labels).abs().amax(1)
    assert (fall <= best * (1 + 1e-9)).all()
    assert (fall >= 0.97 * best).all()


@pytest.mark.parametrize("norm", ["2", "inf"])
def test_deepfool_on_an_affine_classifier_takes_one_step_of_the_exact_distance(norm: str) -> None:
    model, images = plane(), gray(8)
    with torch.no_grad():
        model[1].weight.mul_(30)  # so that boundaries are near
        labels = model(images).argmax(1)
        margins = class_margins(model(images), labels)[:, 0]
    found = deepfool(model, images, {"class": labels}, norm=norm, steps=1, beyond=1e-6)
    exact = margins / normals(model, labels).norm(p=DUALS[norm], dim=1)
    sizes = norm_of(norm).size(found - images)
    torch.testing.assert_close(sizes, exact * (1 + 1e-6), rtol=1e-9, atol=0.0)
    assert (judged(model, found, {"class": labels}, CLASSES) > 0).all()


def test_deepfool_goes_to_the_nearest_of_several_boundaries() -> None:
    model, images = plane(5), gray(8)
    with torch.no_grad():
        model[1].weight.mul_(30)
        labels = model(images).argmax(1)
        margins = class_margins(model(images), labels)
    weights = model[1].weight.detach()
    ways = weights[labels][:, None] - weights[None]  # (B, L, n), one of them zero
    others = ways[ways.abs().sum(2) > 0].view(8, 4, SIZE)
    exact = (margins / others.norm(dim=2)).amin(1)
    found = deepfool(model, images, {"class": labels}, steps=1, beyond=1e-6)
    sizes = norm_of("2").size(found - images)
    torch.testing.assert_close(sizes, exact * (1 + 1e-6), rtol=1e-9, atol=0.0)


def test_minimal_distortion_reaches_the_distance_of_the_plane() -> None:
    model, images = plane(), gray(3)
    with torch.no_grad():
        model[1].weight.mul_(30)
        labels = model(images).argmax(1)
        margins = class_margins(model(images), labels)[:, 0]
    found = minimal_distortion(model, images, {"class": labels})
    exact = margins / normals(model, labels).norm(dim=1)
    sizes = norm_of("2").size(found - images)
    assert (judged(model, found, {"class": labels}, CLASSES) > 0).all()
    assert (sizes >= exact * (1 - 1e-9)).all()
    assert (sizes <= exact * (1 + 1e-3)).all()


def test_minimal_distortion_is_box_constrained_and_optimal_at_the_border() -> None:
    """Two pixels, f = 4 - x - 3 y: from (0.8, 0.8) the plane through the box is met at its edge."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[-1.0, -3.0], [0.0, 0.0]]))
        model[1].bias.copy_(torch.tensor([3.7, 0.0]))
    image = torch.full((1, 1, 1, 2), 0.8, dtype=torch.float64)
    found = minimal_distortion(model, image, {"class": torch.tensor([0])}, searches=20, steps=100)
    # r = 0.05 (1, 3) lies inside the box, and 0.075 (1, 3) does not.
    torch.testing.assert_close(
        found[0, 0, 0], torch.tensor([0.85, 0.95]).double(), atol=1e-3, rtol=0
    )
    with torch.no_grad():
        model[1].bias.copy_(torch.tensor([3.95, 0.0]))
    found = minimal_distortion(model, image, {"class": torch.tensor([0])}, searches=20, steps=100)
    torch.testing.assert_close(
        found[0, 0, 0], torch.tensor([0.95, 1.0]).double(), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("norm", ["inf", "2", "1"])
def test_a_projection_is_the_nearest_point_of_the_ball(norm: str) -> None:
    """No point of the ball on the way to random others is nearer (a variational inequality)."""
    generator = torch.Generator().manual_seed(0)
    row = norm_of(norm)
    delta = torch.randn(5, 2, 3, 3, generator=generator, dtype=torch.float64)
    radius = 0.4 * float(row.size(delta).amin())
    found = row.project(delta, radius)
    assert (row.size(found) <= radius * (1 + 1e-12)).all()
    for _ in range(50):
        other = row.draw(delta, radius, generator)
        assert (row.size(other) <= radius * (1 + 1e-6)).all()
        assert (((delta - found) * (other - found)).flatten(1).sum(1) <= 1e-9).all()
    torch.testing.assert_close(row.project(0.5 * found, radius), 0.5 * found)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_stays_in_its_ball_and_leaves_the_network_as_it_was(
    name: str, network: nn.Module
) -> None:
    images, targets = labeled(network)
    network.train()
    network[5].eval()  # a mode that is not that of the others
    before = {key: value.clone() for key, value in network.state_dict().items()}
    for norm in attack_of(name).norms:
        eps = {"inf": 0.05, "2": 0.8, "1": 4.0, "0": 0.1}[norm]
        options = options_of(attack_of(name), eps=eps, norm=norm, steps=5)
        found = attack_of(name).apply(network, images, targets, **options)
        assert found.shape == images.shape
        assert float(found.min()) >= 0
        assert float(found.max()) <= 1
        assert (found != images).any()
        if attack_of(name).kind != "nearest":
            assert (norm_of(norm).size(found - images) <= eps * (1 + 1e-5)).all()
    assert network.training
    assert not network[5].training
    assert all(parameter.grad is None for parameter in network.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


@pytest.mark.parametrize("name", [n for n, row in ATTACKS.items() if row.kind != "nearest"])
def test_nothing_is_changed_by_an_epsilon_of_zero(name: str, network: nn.Module) -> None:
    images, targets = labeled(network)
    row = attack_of(name)
    options = options_of(row, eps=0.0, norm=row.norms[0], steps=None)
    assert torch.equal(row.apply(network, images, targets, **options), images)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_same_seed_gives_the_same_images(name: str, network: nn.Module) -> None:
    images, targets = labeled(network)
    row = attack_of(name)
    options = options_of(row, eps=0.1, norm=row.norms[0], steps=3)
    one, two = (row.apply(network, images, targets, **options, seed=4) for _ in range(2))
    assert torch.equal(one, two)


def test_pgd_is_at_least_as_strong_as_fgsm_and_restarts_as_one_start(network: nn.Module) -> None:
    images, targets = labeled(network, 40)
    harm = [
        judged(network, found, targets, CLASSES)
        for found in (
            fgsm(network, images, targets, eps=0.03),
            pgd(network, images, targets, eps=0.03, steps=30),
            pgd(network, images, targets, eps=0.03, steps=30, restarts=3),
        )
    ]
    assert harm[1].mean() >= harm[0].mean()
    assert (harm[2] >= harm[1] - 1e-6).all()  # the first start is the same


def test_a_larger_ball_holds_worse_attacks(network: nn.Module) -> None:
    """Each attack anew, nothing is handed on from ball to ball."""
    images, targets = labeled(network, 60)
    wrong = []
    for eps in (0.0, 0.01, 0.02, 0.05, 0.1, 0.3):
        found = pgd(network, images, targets, eps=eps, steps=20)
        wrong.append(int((judged(network, found, targets, CLASSES) > 0).sum()))
    assert wrong == sorted(wrong)
    assert wrong[0] == 0
    assert wrong[-1] > 40


def test_a_universal_perturbation_is_one_and_works_on_images_it_has_not_seen(
    network: nn.Module,
) -> None:
    images, targets = labeled(network, 80)
    first = {"class": targets["class"][:40]}
    delta = perturbation(network, images[:40], first, eps=0.2, steps=5)
    assert delta.shape == (1, 1, 8, 8)
    second = {"class": targets["class"][40:]}
    moved = (images[40:] + delta).clamp(0, 1)
    noise = (images[40:] + 0.2 * (2 * torch.rand(1, 1, 8, 8) - 1).sign()).clamp(0, 1)
    harm = judged(network, moved, second, CLASSES)
    assert harm.mean() > judged(network, noise, second, CLASSES).mean()
    found = universal(network, images[:40], first, eps=0.2, steps=5)
    assert torch.equal(found, (images[:40] + delta).clamp(0, 1))


def test_a_patch_covers_no_more_than_its_share(network: nn.Module) -> None:
    images, targets = labeled(network)
    eps = 0.15  # 9.6 of 64 pixels: 3 × 3
    assert patch_for(network, images, targets, eps=eps, steps=2).shape == (1, 3, 3)
    covered = (patch(network, images, targets, eps=eps, steps=2) != images).any(1)
    assert int(covered.flatten(1).sum(1).max()) <= 9


def test_random_search_needs_no_gradients(network: nn.Module) -> None:
    class Rounded(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            answer: Tensor = network((images * 16).round() / 16)
            return answer.detach()

    images, targets = labeled(network, 30)
    with pytest.raises(ModelError, match="no gradient of the loss") as raised:
        pgd(Rounded(), images, targets, eps=0.1)
    assert "random_search" in str(raised.value)
    found = random_search(Rounded(), images, targets, eps=0.1, steps=100)
    assert (judged(Rounded(), found, targets, CLASSES) > 0).float().mean() > 0.5


def test_weights_of_inference_mode_are_refused_in_words() -> None:
    with torch.inference_mode():
        model = plane()
    with pytest.raises(ModelError, match="inference mode"):
        slope(model, gray(2), {"class": torch.tensor([0, 1])}, CLASSES)


def test_attacks_work_where_gradients_are_off_and_in_half_precision() -> None:
    model = create("lenet5", num_classes=3, in_channels=1).bfloat16()
    images = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        found = fgsm(model, images, {"class": torch.tensor([0, 1])}, eps=0.1)
    assert found.dtype == torch.float32
    assert (found != images).any()


def test_a_goal_without_margins_is_judged_by_its_loss() -> None:
    goal = Goal(lambda outputs, targets: (outputs - targets["value"]).square().sum(1))
    model, images = plane(), gray(3)
    with torch.no_grad():
        targets = {"value": model(images) + 0.01}
    found = pgd(model, images, targets, goal, eps=0.02)
    assert (judged(model, found, targets, goal) > judged(model, images, targets, goal)).all()


def test_margins_are_positive_exactly_where_the_answer_is_right() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0], [0.0, 3.0, 2.0]])
    labels = torch.tensor([0, 2])
    margins = class_margins(logits, labels)
    assert margins.tolist() == [[1.0, 3.0], [2.0, -1.0]]
    marks = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    sides = label_margins(logits, marks, torch.zeros(3))
    assert (sides > 0).all(1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "norm", "size"),
    [
        (8, "inf", 8 / 255),
        ("8/255", "inf", 8 / 255),
        ("8 / 255", "inf", 8 / 255),
        ("0", "inf", 0.0),
        ("0.5/255", "inf", 0.5 / 255),
        ("127.5", "2", 0.5),
        ("5", "0", 0.05),
        ("0.5", "0", 0.005),
    ],
)
def test_epsilon_is_in_gray_levels(text: str, norm: str, size: float) -> None:
    assert math.isclose(epsilon(text, norm, 3072), size)


@pytest.mark.parametrize(
    ("text", "norm", "message", "remedy"),
    [
        ("0.03", "inf", "may be a part of 1 or of 255", "Write 7.65 if"),
        (0.5, "2", "may be a part of 1 or of 255", "0.5/255 for"),
        (256, "inf", "out of range", "from 0 to 255"),
        (-1, "inf", "out of range", "from 0 to 255"),
        ("8/256", "inf", "no size", "8 or 8/255"),
        ("nan", "inf", "no size", "8/255"),
        ("eight", "inf", "no size", "8/255"),
        ("5/255", "0", "no size", "percentage"),
        ("1e6", "2", "out of range", "by L2"),
    ],
)
def test_an_epsilon_that_could_be_misread_is_refused(
    text: str, norm: str, message: str, remedy: str
) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        epsilon(text, norm, 3072)
    assert remedy in (raised.value.remedy or "")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown attack 'pdg'") as raised:
        attack_of("pdg")
    assert "pgd" in str(raised.value)
    with pytest.raises(UsageError, match="unknown norm") as raised:
        norm_of("linf")
    assert "inf" in str(raised.value)
    assert set(NORMS) == {"inf", "2", "1", "0"}


def test_the_weights_hash_is_unchanged_by_all_attacks() -> None:
    model = plane(4)

    def digest() -> str:
        parts = [tensor.numpy().tobytes() for tensor in model.state_dict().values()]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    before = digest()
    for row in ATTACKS.values():
        options = options_of(row, eps=0.1, norm=row.norms[0], steps=2)
        row.apply(model, gray(4), {"class": torch.tensor([0, 1, 2, 3])}, **options)
    assert digest() == before


@pytest.mark.parametrize(
    "task",
    [
        Classify(classes=("a", "b", "c"), temperature=1.7),
        Label(classes=("a", "b", "c"), temperature=1.7, thresholds=(0.2, 0.5, 0.9)),
    ],
    ids=["classify", "label"],
)
def test_an_answer_is_right_by_its_own_claim_and_margins_say_so(task: Any) -> None:
    """With thresholds and a temperature, margins change their sign where the answer does."""
    logits = 3 * torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    assert (task.margins(logits, task.claimed(logits)) > 0).all()
    others = {"class": task.claimed(logits)["class"].roll(1, 0)}
    same = task.claimed(logits)["class"] == others["class"]
    same = same if same.dim() == 1 else same.all(1)
    assert torch.equal((task.margins(logits, others) > 0).all(1), same)
