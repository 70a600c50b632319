"""How an error, or an interrupt, reaches a person or a program."""

from __future__ import annotations

import contextlib
import os
import sys

from vitreous.cli.streams import give_up
from vitreous.distributed import LAUNCHED
from vitreous.errors import PeerError, VitreousError
from vitreous.files import json_text


def tell(error: VitreousError | KeyboardInterrupt, as_json: bool = False) -> int:
    """Print the error, to stdout as JSON if asked for and if it can be written to, else to stderr;
    returns its exit code.
    """
    if isinstance(error, PeerError) and LAUNCHED in os.environ:
        return error.exit_code  # whoever began the processes tells which of them has gone
    if isinstance(error, KeyboardInterrupt):
        # A run's own has a place and a remedy; one from anywhere else has neither.
        kind, exit_code, message, mark = "interrupted", 130, "interrupted", ""
    else:
        kind, exit_code, message, mark = error.kind, error.exit_code, error.message, "error: "
    where, remedy = getattr(error, "where", None), getattr(error, "remedy", None)
    if as_json:
        fields = {"kind": kind, "message": message, "where": where, "remedy": remedy}
        try:
            print(json_text({"error": fields}), flush=True)
            return exit_code
        except OSError:
            give_up()
    place = f"{where}: " if where else ""
    with contextlib.suppress(OSError):
        print(f"{mark}{place}{message}" + (f"\n  {remedy}" if remedy else ""), file=sys.stderr)
    return exit_code
