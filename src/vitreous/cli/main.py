"""The command line: verbs that load only what they need, and errors without a traceback.

stdout carries results, stderr progress and errors. Exit codes: 0 done, 1 failed, 2 wrong usage,
130 interrupted (after a checkpoint).
"""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, Parameter, UnusedCliTokensError

from vitreous.cli.failure import tell
from vitreous.cli.first_look import look
from vitreous.cli.flag_groups import Grouped
from vitreous.cli.loading import loading
from vitreous.cli.settings import Variables, converted, take_config
from vitreous.cli.streams import give_up, is_broken, prepare
from vitreous.errors import StorageError, UsageError, VitreousError
from vitreous.version import __version__

TRAIN = Group("Train", sort_key=1)
LOOK = Group("See through", sort_key=2)
USE = Group("Use", sort_key=3)

# verb, module that holds a function of the same name, group, one line of help
VERBS = (
    ("train", TRAIN, "Train a network on images, measure it, write a report."),
    ("resume", TRAIN, "Go on with an interrupted run."),
    ("cv", TRAIN, "Cross-validate: measure on every image, each by a model that has not seen it."),
    ("tune", TRAIN, "Search for better settings by the validation part."),
    ("check", TRAIN, "Find what is wrong with data before an hour is spent on it."),
    ("show", TRAIN, "Show the first images that training would see."),
    ("split", TRAIN, "Write the parts of a data set as a manifest."),
    ("explain", LOOK, "Show where in images the evidence for an answer lies."),
    ("robust", LOOK, "Attack and corrupt images, and see what is left of the score."),
    ("doctor", LOOK, "Say why a run does not learn, and show it."),
    ("report", LOOK, "Show a run as one HTML file."),
    ("models", LOOK, "List the networks: parameters, work, year, paper."),
    ("inspect", LOOK, "Open a network: shapes, parameters, work, memory, layer by layer."),
    ("graph", LOOK, "Show what is computed from what, with values and gradients."),
    ("play", LOOK, "Try out networks in the browser, and look inside."),
    ("lab", LOOK, "Run an experiment of the course."),
    ("evaluate", USE, "Measure a model on data."),
    ("compare", USE, "Say which differences between runs are more than luck."),
    ("predict", USE, "Name what is in images."),
    ("search", USE, "Find images like this one."),
    ("serve", USE, "Answer images over HTTP."),
    ("publish", USE, "Put a network on the Hugging Face hub, with a model card."),
    ("export", USE, "Write a network as ONNX, compared with its run."),
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
        help_formatter=Grouped(),
        default_parameter=Parameter(
            show_env_var=False, negative_iterable=(), show_default=default, converter=converted
        ),
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
    flags = itertools.takewhile(lambda word: word != "--", arguments)
    wants_json = "--json" in flags  # until the config and the environment have been read as well
    verb, given = verb_of(arguments), arguments
    cli = app(verb)
    try:
        arguments, flags_of_file = take_config(arguments, verb)
        cli.config = [Variables("VITREOUS_"), *flags_of_file]
        command, bound, _ = cli.parse_args(arguments, exit_on_error=False, print_error=False)
        wants_json = bool(bound.arguments.get("json"))
        with loading():
            look(bound.arguments)
        if "processes" in bound.signature.parameters:
            from vitreous.cli.launch import asked, launch

            if (number := asked(bound.arguments)) > 1:
                return launch(given, number)
        result = command(*bound.args, **bound.kwargs)
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
        give_up()  # the reader has left (`| head`): nothing to say, and nobody to say it to
        return 1
    except OSError as error:
        where = "standard output" if is_broken() else None
        where = where if error.filename is None else str(error.filename)
        return tell(StorageError(error.strerror or str(error), where=where), wants_json)
    except MemoryError:
        remedy = "Use smaller images, a smaller --batch-size or a smaller model."
        return tell(VitreousError("the memory is not enough", remedy=remedy), wants_json)
    except KeyboardInterrupt as error:
        return tell(error, wants_json)
    finally:
        gc.unfreeze()  # of a caller that goes on


def verb_of(arguments: Sequence[str]) -> str:
    known = {verb for verb, _, _ in VERBS}
    return next((word for word in arguments if word in known), "")


def main() -> None:
    prepare()
    code = run(sys.argv[1:])
    gc.freeze()  # all is let go of at once, see `loading`
    sys.exit(code)
