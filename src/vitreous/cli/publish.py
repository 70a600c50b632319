"""`vitreous publish RUN --to hub:OWNER/NAME`: the network with a model card, for others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.network import must_exist


def publish(
    run: Path,
    /,
    *,
    to: str,
    license: str = "unknown",
    private: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Publish a network on the Hugging Face hub: its model file, and a model card with data,
    scores, limits and license. Images, predictions and the report stay here.

    Parameters
    ----------
    run
        a run folder
    to
        hub:OWNER/NAME; or a folder, to look at what would go out
    license
        its short name, such as apache-2.0
    private
        make a repository that its owner alone sees
    json
        print one JSON object
    """
    must_exist(run)

    from vitreous.export.publish import publish as send
    from vitreous.files import json_text

    found = send(run, to, license=license, private=private)
    if json:
        print(json_text(found.to_json()))
        return
    for name, text in (("place", found.place), ("sha256", found.sha256), ("model", found.model)):
        print(f"{name:<12}{text}")
    if license == "unknown":
        print("note: nobody may use it without a license: --license", file=sys.stderr)
    print(f"next: vitreous predict '{found.model}' IMAGE", file=sys.stderr)
