"""`vitreous play`: the playground in the browser."""

from __future__ import annotations

from pathlib import Path


def play(run: Path | None = None, /, *, port: int = 7007, open: bool = True) -> None:
    """Serve the playground on this computer until Ctrl-C: networks in the plane, and on images.

    Parameters
    ----------
    run
        a run folder or a model file to open in the view of images
    port
        of the page's address; 0 takes any that is free
    open
        show the page in the browser, as by default
    """
    from vitreous.playground.server.api import serve

    serve(port, run, open_browser=open)
