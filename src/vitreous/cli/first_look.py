"""First look at a command: data, runs and names that are not there, told before torch is loaded.

An argument of one name means the same with every verb. What is not told here is found out later, in
the same words.
"""

from __future__ import annotations

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
        must_be_data(data)


def must_be_data(data: str) -> None:
    """Raises UsageError for data that are not there, DataError for an empty folder, and for a file
    that is none.
    """
    from vitreous.data.remote.address import check_address, is_address

    if is_address(data):
        check_address(data)
        return
    path = Path(data)
    if path.is_dir() and any(path.iterdir()):
        return
    from vitreous.data.formats.open import FILES, named, open
    from vitreous.data.formats.shard_names import is_pattern, matched

    if is_pattern(data):
        matched(data)
        return
    known = path.is_file() and any(row.recognizes(path) for row in FILES)
    if not known and str(path) not in named():
        open(path)
