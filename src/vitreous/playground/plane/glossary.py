"""The glossary of the playground: what stands behind a "?" beside a word, in two sentences each.

The same sentences stand in docs/glossary.md, where a test looks for them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """title is what the page calls it; text explains it to somebody who hears it first."""

    title: str
    text: str


GLOSSARY = {
    "accuracy": Word(
        "Accuracy",
        "The share of examples that are answered rightly. "
        "With unequal classes look at recall as well.",
    ),
    "activation": Word(
        "Activation",
        "What a layer gives for one example; also the function that makes a layer nonlinear, "
        "such as ReLU. Without one, a deep network can say no more than a single line.",
    ),
    "backward": Word(
        "Back-propagation",
        "The chain rule, carried out from the loss to the first layer, so that each derivative "
        "is computed once. It tells each weight which way to move.",
    ),
    "batch": Word(
        "Batch",
        "The examples of one step. Their mean gradient stands for that of all examples.",
    ),
    "bias": Word(
        "Bias",
        "A number that a unit adds to its weighted inputs. "
        "It moves the edge that the unit draws, and the weights turn it.",
    ),
    "dead": Word(
        "Dead unit",
        "A unit whose slope is zero at every training point. "
        "No gradient passes, so it cannot learn any more.",
    ),
    "discretize": Word(
        "Discretize",
        "Shows only which class is answered, without how surely. "
        "The line between the colors is the decision boundary.",
    ),
    "dropout": Word(
        "Dropout",
        "Units that are left out at random in training, so that none relies on another. "
        "For prediction all of them take part.",
    ),
    "embedding": Word(
        "Embedding",
        "An example as the numbers that a layer makes of it. "
        "Examples that the network takes for alike lie close together.",
    ),
    "epoch": Word(
        "Epoch",
        "One pass over all training examples. It takes as many steps as there are batches.",
    ),
    "feature": Word(
        "Feature",
        "A number that describes an example, given to the network or computed by it. "
        "With the right features even a single line can separate the classes.",
    ),
    "gradient": Word(
        "Gradient",
        "The derivatives of the loss by all weights: the direction in which it grows fastest. "
        "A step goes the other way.",
    ),
    "hidden": Word(
        "Hidden layer",
        "Units between the inputs and the output. Each layer builds on what the one before found.",
    ),
    "init": Word(
        "Initialization",
        "The weights before the first step. "
        "Too large or too small, and signals explode or vanish with depth.",
    ),
    "l1": Word(
        "L1 regularization",
        "A penalty on the sizes of all weights, added to the loss. "
        "It drives weights that hardly help to exactly zero.",
    ),
    "l2": Word(
        "L2 regularization",
        "A penalty on the squares of all weights, added to the loss; also called weight decay. "
        "It keeps every weight small, so that the answer stays smooth.",
    ),
    "landscape": Word(
        "Loss landscape",
        "The loss drawn over a plane of weights around those that were found. "
        "Training walks downhill in it, though in many more dimensions than two.",
    ),
    "loss": Word(
        "Loss",
        "The number that training makes small. It says how far answers are from the truth.",
    ),
    "lr": Word(
        "Learning rate",
        "The length of a step along the gradient. The setting that matters most.",
    ),
    "noise": Word(
        "Noise",
        "A random displacement of the points, or of their targets. "
        "What is random cannot be learned, only learned by heart.",
    ),
    "optimizer": Word(
        "Optimizer",
        "The rule that turns gradients into changes of the weights. "
        "Adam gives each weight a rate of its own; SGD uses one for all.",
    ),
    "output": Word(
        "Output",
        "The answer of the last unit, from −1 to +1. "
        "Its sign is the class, its size how surely the network says so.",
    ),
    "ratio": Word(
        "Train and test split",
        "Training points teach the network, test points only measure it. "
        "A loss that is low on the first and high on the others means overfitting.",
    ),
    "saturation": Word(
        "Saturation",
        "A unit whose activation function is flat at its input: its gradient vanishes. "
        "It learns again only if its inputs change.",
    ),
    "seed": Word(
        "Seed",
        "The number from which all random draws follow: points, first weights, batches. "
        "The same seed gives the same experiment.",
    ),
    "softmax": Word(
        "Softmax",
        "Turns logits into probabilities: exponentials, divided by their sum. "
        "The larger a score is than the others, the closer its probability is to one.",
    ),
    "step": Word(
        "Step",
        "One change of all weights, by the gradient of one batch. Also called iteration.",
    ),
    "weight": Word(
        "Weight",
        "The factor by which a unit multiplies one of its inputs. "
        "What a network has learned is in its weights and biases.",
    ),
}
