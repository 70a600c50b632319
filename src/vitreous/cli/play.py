"""`vitreous play`: the playground in the browser."""

from __future__ import annotations

from pathlib import Path

from vitreous.errors import UsageError


def play(
    run: Path | None = None,
    /,
    *,
    port: int = 7007,
    open: bool = True,
    export: Path | None = None,
) -> None:
    """Serve the playground on this computer until Ctrl-C: networks in the plane, and on images.

    Parameters
    ----------
    run
        a run folder or a model file to open in the view of images
    port
        of the page's address; 0 takes any that is free
    open
        show the page in the browser, as by default
    export
        write the plane into this folder instead, as one page that trains in the browser without a
        server, for a web site or a class without Python
    """
    if export is not None:
        from vitreous.playground.standalone import export_site

        if run is not None:
            raise UsageError(
                "a page without a server shows the plane alone, and no run",
                where="--export",
                remedy="Leave the run out, or serve it without --export.",
            )
        print(export_site(export))
        return
    from vitreous.playground.server.api import serve

    serve(port, run, open_browser=open)
