"""`vitreous report RUN`: a run as one file to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.files import json_text


def report(
    run: Path,
    /,
    *,
    out: Path | None = None,
    open: bool = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write a run's report anew, from what lies in its folder; prints the file's path.

    Parameters
    ----------
    run
        the run folder, such as runs/photos
    out
        write to this file instead of RUN/report.html
    open
        show it in the browser; by default only its path is printed
    json
        print one JSON object
    quiet
        no progress
    """
    with loading():
        from vitreous.progress.choose import progress
        from vitreous.report.build import write_report

    with progress(style="none" if quiet else "auto") as shown:
        shown.stage("drawing the report")
        path = write_report(run, out)
    print(json_text({"report": str(path)}) if json else path)
    if open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
