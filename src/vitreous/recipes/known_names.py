"""Known names: what a recipe may say, readable without torch, so that a slip is told at once.

The tables themselves stand where what they name is made; a test holds both against each other.
"""

from __future__ import annotations

from vitreous.baselines import method_names
from vitreous.errors import unknown
from vitreous.recipes.recipe import Recipe, flag

MODELS = (
    *("linear", "mlp", "mlp_residual", "lenet5_1998", "lenet5"),
    *("alexnet_two_towers", "alexnet", "alexnet_2014", "nin_cifar", "nin"),
    *("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
    *("googlenet", "googlenet_bn", "unet", "unet_small"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "plain20", "plain56"),
    *("resnet110_stochastic", "resnet1202_stochastic"),
    *("wide_resnet20_4", "wide_resnet50_2", "wide_resnet101_2"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
    *("densenet121", "densenet169", "densenet201", "densenet161"),
    *("mobilenet_v1", "mobilenet_v2", "mobilenet_v2_050"),
    *(f"efficientnet_b{number}" for number in range(8)),
    *("efficientnet_lite0", "unet_efficientnet_lite0", "unet_resnet18", "fcn32", "fcn16", "fcn8"),
    *("dncnn", "dncnn_small", "unet_denoiser", "unet_denoiser_small"),
    *("vit_ti16", "vit_ti16_post_norm", "vit_s16", "vit_s32", "vit_b16", "vit_b32"),
    *("vit_l16", "vit_l32", "vit_nano4", "vit_ti4", "vit_nano4_map", "unet_transformer"),
    *("convnet", "convnet_medium", "convnet_wide"),
    *("airbench_small", "airbench94"),
)

LOSSES = {
    "classify": ("cross_entropy", "hinge", "focal", "hard"),
    "label": ("cross_entropy", "hinge", "focal"),
    "segment": ("cross_entropy", "focal", "hard", "dice", "cross_entropy_dice", "border"),
    "regress": ("squared", "huber", "absolute"),
    "keypoints": ("heat_map", "integral", "huber", "absolute", "squared"),
    "locate": ("heat_map", "heat_map_giou", "smooth_l1", "giou"),
    "detect": ("focal", "hard"),
    "count": ("squared", "absolute", "squared_count"),
    "depth": ("huber", "scale_invariant", "absolute"),
    "denoise": ("squared", "absolute"),
    "pretrain": ("nt_xent", "masked"),
}
"""By task; for `auto` any of them, until the data tell the task."""

FIELDS = {
    "task": ("auto", *LOSSES),
    "optimizer": ("sgd", "momentum", "nesterov", "adam", "adamw", "nadam", "rmsprop", "adagrad"),
    "recipe": ("speedrun", "small_pictures"),
    "schedule": ("constant", "step", "cosine", "one_cycle", "triangle"),
    "augment": (
        *(
            "none",
            "light",
            "alternate",
            "pieces",
            "standard",
            "strong",
            "scenes",
            "elastic",
            "turn",
            "zoom",
        ),
        *("randaugment", "views", "augmix"),
    ),
    "init": ("zero", "normal", "xavier", "glorot", "he"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "log": ("csv", "tensorboard", "wandb", "mlflow"),
}


def check_known(recipe: Recipe) -> None:
    """Raises UsageError, with the nearest names, for the first name that is in no table."""
    if recipe.model is not None:
        check_model(recipe.model, "--model")
    for name in recipe.against:
        if name != "all" and not method_names.is_classic(name):
            raise unknown("classic method", name, ("all", *method_names.NAMES), where="--against")
    for field, table in FIELDS.items():
        value = getattr(recipe, field)
        for word in value if isinstance(value, tuple) else (value,):
            if word is not None and word not in table:
                raise unknown(field, word, table, where=flag(field))
    tasks = LOSSES if recipe.task == "auto" else (recipe.task,)
    losses = {"auto": None} | {loss: None for task in tasks for loss in LOSSES[task]}
    if recipe.loss not in losses:
        raise unknown("loss", recipe.loss, losses, where="--loss")


def check_model(name: str, where: str | None = None) -> None:
    """Raises UsageError, with the nearest names, for one that no network or method has."""
    if name not in MODELS and not method_names.is_classic(name):
        raise unknown("model", name, (*MODELS, *method_names.NAMES), where=where)
