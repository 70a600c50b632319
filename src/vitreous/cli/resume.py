"""`vitreous resume RUN`: go on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.cli.verdict import verdict
from vitreous.distributed import world


def resume(
    run: Path,
    /,
    *,
    data: str | None = None,
    processes: int | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Go on with a run that was interrupted; on a CPU the result is the same to the last bit.

    Parameters
    ----------
    run
        the run folder, such as runs/photos
    data
        where the same images lie now, if they have moved; as for `vitreous train`
    processes
        processes of this machine that train together. Default: as many as began the run, of which
        the bits of its numbers depend
    json
        print one JSON object
    quiet
        no progress
    """
    with loading():
        from vitreous.progress.choose import progress
        from vitreous.runs.run import resume as go_on

    with progress(style="none" if quiet else "auto") as shown:
        finished = go_on(run, data, progress=shown)
    if world().first:
        verdict(finished.summary(), json, finished.report_path)
