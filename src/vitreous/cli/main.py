"""The command line: verbs that load only what they need, and errors without a traceback.

stdout carries results, stderr progress and errors. Exit codes: 0 done, 1 failed, 2 wrong usage,
130 interrupted (after a checkpoint).
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, Parameter, UnusedCliTokensError
from cyclopts.config import Env, Yaml

from vitreous import __version__
from vitreous.cli.failure import tell
from vitreous.errors import UsageError, VitreousError

TRAIN = Group("Train", sort_key=1)
LOOK = Group("See through", sort_key=2)
USE = Group("Use", sort_key=3)

# verb, module that holds a function of the same name, group, one line of help
VERBS = (
    ("train", TRAIN, "Train a network on images, measure it, write a report."),
    ("resume", TRAIN, "Go on with an interrupted run."),
    ("check", TRAIN, "Find what is wrong with data before an hour is spent on it."),
    ("split", TRAIN, "Write the parts of a data set as a manifest."),
    ("report", LOOK, "Show a run as one HTML file."),
    ("models", LOOK, "List the networks: parameters, work, year, paper."),
    ("inspect", LOOK, "Open a network: shapes, parameters, work, memory, layer by layer."),
    ("graph", LOOK, "Show what is computed from what, with values and gradients."),
    ("play", LOOK, "Try out networks in the browser, and look inside."),
    ("lab", LOOK, "Run an experiment of the course."),
    ("evaluate", USE, "Measure a model on data."),
    ("predict", USE, "Name what is in images."),
    ("search", USE, "Find images like this one."),
)


def app(asked: str = "") -> App:
    """The verbs, each imported when it is called.

    asked  the verb that is called: its own docstring explains it
    """
    cli = App(
        name="vitreous",
        version=__version__,
        help="A glass box for neural networks that see. Train it, see through it, trust it.",
        help_format="markdown",
        default_parameter=Parameter(show_env_var=False, negative_iterable=(), show_default=default),
        version_flags=["--version"],
        group_commands=Group("Options", sort_key=4),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        help_epilogue="`vitreous VERB --help` explains a verb; `vitreous train digits` is a start.",
    )
    for place, (verb, group, summary) in enumerate(VERBS):
        told = None if verb == asked else summary
        cli.command(
            f"vitreous.cli.{verb}:{verb}", name=verb, group=group, help=told, sort_key=place
        )
    return cli


def default(value: object) -> str | None:
    """What help says of a default; that a flag is off unless it is given, is not said."""
    if value is None or value is False or value == ():
        return None
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; returns the exit code."""
    wants_json = "--json" in arguments
    verb = verb_of(arguments)
    cli = app(verb)
    try:
        arguments, config = take_config(arguments)
        cli.config = [Env("VITREOUS_"), *config]
        result = cli(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except CycloptsError as error:
        message = str(error).strip()
        if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
            message = f"'{error.unused_tokens[0]}' is one argument too many"
        remedy = f"See `{' '.join(['vitreous', *filter(None, [verb]), '--help'])}`."
        return tell(UsageError(message, remedy=remedy), wants_json)
    except VitreousError as error:
        return tell(error, wants_json)
    except BrokenPipeError:
        # The reader of our output has left (`| head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as error:
        return tell(error, wants_json)


def take_config(arguments: Sequence[str]) -> tuple[list[str], list[Yaml]]:
    """The arguments without `--config FILE`, and that file as a source of flags."""
    rest, config = list(arguments), []
    for index, word in enumerate(rest):
        name, _, value = word.partition("=")
        if name == "--config":
            if not value and index + 1 == len(rest):
                raise UsageError("a file is missing", where="--config")
            path = value or rest[index + 1]
            if not os.path.isfile(path):
                raise UsageError("there is no such file", where=f"--config {path}")
            del rest[index : index + (1 if value else 2)]
            config.append(Yaml(path, use_commands_as_keys=False))
            break
    return rest, config


def verb_of(arguments: Sequence[str]) -> str:
    known = {verb for verb, _, _ in VERBS}
    return next((word for word in arguments if word in known), "")


def main() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be UTF-8
        sys.stdout.reconfigure(errors="surrogateescape")
    sys.exit(run(sys.argv[1:]))
