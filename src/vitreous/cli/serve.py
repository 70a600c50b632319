"""`vitreous serve RUN...`: trained networks answer images over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.network import must_exist
from vitreous.errors import UsageError, missing
from vitreous.serving.limits import Limits


def serve(
    run: Path,
    /,
    *further: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str = "",
    public: Annotated[bool, Parameter(negative="")] = False,
    body: float = Limits.body,
    pixels: float = Limits.pixels,
    images: int = Limits.images,
    queue: int = Limits.queue,
    held: float = Limits.held,
    client: int = Limits.client,
    timeout: float = Limits.timeout,
    batch: int = Limits.batch,
    wait: float = Limits.wait,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Answer images over HTTP until Ctrl-C or SIGTERM: /predict, /explain, /models, /health/live,
    /health/ready, /metrics, and a page at /. A run that is trained anew is loaded anew. stderr gets
    a line of JSON for each request.

    Parameters
    ----------
    run
        a run folder or a model file
    further
        more of them: a request says ?model=NAME, the name of the folder or file
    host
        the address to listen at; beyond this machine only with a token, or --public
    port
        of the address; 0 takes any that is free
    token
        that requests must bring, as `Authorization: Bearer TOKEN`; better given in the variable
        VITREOUS_SERVE_TOKEN than here, where others on this machine may see it
    public
        let anyone ask who can reach the address
    body
        MiB of a request (413 beyond)
    pixels
        millions of an image (413)
    images
        of a request (413)
    queue
        images of all requests that wait (503)
    held
        MiB of all bodies that wait (503)
    client
        requests of one address that wait (429)
    timeout
        seconds for the body, and as many for the answer (408, 504)
    batch
        images that go through the network together
    wait
        milliseconds that an image waits at most for others that are on their way
    quiet
        only lines about failures of the server
    """
    for path in (run, *further):
        if ":" not in str(path):  # an address is refused by what opens it
            must_exist(path)
    try:
        from vitreous.serving.http_server import check_address
        from vitreous.serving.http_server import run as start
    except ImportError as error:
        name = (error.name or "fastapi").partition(".")[0]
        raise missing(name, "serve", "serving") from error
    from vitreous.serving.shelf import opened

    limits = Limits(
        body=body,
        pixels=pixels,
        images=images,
        queue=queue,
        held=held,
        client=client,
        timeout=timeout,
        batch=batch,
        wait=wait,
    )
    check_address(host, token, public)
    if token and len(token) < 8:
        raise UsageError(
            "the token has fewer than 8 characters and is soon guessed",
            where="--token",
            remedy="Make one: `python -c 'import secrets; print(secrets.token_urlsafe())'`.",
        )
    models = opened([run, *further])
    start(models, host=host, port=port, token=token, limits=limits, quiet=quiet)
