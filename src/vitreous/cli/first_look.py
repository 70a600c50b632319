"""First look at a command: data, runs and names that are not there, told before torch is loaded.

An argument of one name means the same with every verb. What is not told here is found out later, in
the same words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What begins like this is no path; the verb says what it makes of it.
ADDRESS = re.compile(r"\w{2,}:")


def look(arguments: Mapping[str, Any]) -> None:
    """Raises the error that the verb would come to, for the first argument that cannot be meant."""
    if (recipe := arguments.get("recipe")) is not None:
        from vitreous.recipes.known_names import check_known

        check_known(recipe)
    for run in (arguments.get("run"), *arguments.get("runs", ())):
        if isinstance(run, Path) and not run.is_file() and not ADDRESS.match(str(run)):
            from vitreous.run_folder import RunFolder

            RunFolder.open(run)
    if isinstance(word := arguments.get("model"), str):
        from vitreous.cli.network import is_path
        from vitreous.recipes.known_names import check_model

        if not is_path(word):
            check_model(word)
    if isinstance(data := arguments.get("data"), str) and data:
        must_be_data(Path(data))


def must_be_data(path: Path) -> None:
    """Raises UsageError for data that are not there, DataError for an empty folder."""
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        return
    from vitreous.data.formats.open import named, open

    if str(path) not in named():
        open(path)
