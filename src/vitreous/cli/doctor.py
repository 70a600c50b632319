"""`vitreous doctor RUN`: why a run does not learn, with the evidence as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.files import json_text


def doctor(
    run: Path,
    /,
    *,
    out: Path | None = None,
    open: bool = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Name what is wrong with a training, what was seen of it, and one fix; write it as a page.

    It reads what was measured while the run was trained. A loop of your own is watched by
    `vt.doctor(model)` in Python.

    Parameters
    ----------
    run
        the run folder, such as runs/photos; it need not have ended
    out
        write the page to this file instead of RUN/doctor.html
    open
        show it in the browser
    json
        print one JSON object
    """
    with loading():
        from vitreous.doctor.examination import examine

    found = examine(run)
    page = found.write(out)
    if json:
        print(json_text({"page": str(page), "diagnoses": [one.to_json() for one in found.all]}))
    else:
        print(found)
        print(page)
    if open:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
