"""The HTTP API of a server: /predict, /explain, /models, /health, /metrics, and a page.

Answers are those of `vitreous predict --json`: the same predictor decodes and answers. Errors are
JSON as well: what happened, where, and what helps.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from numpy.typing import NDArray

from vitreous import drawing
from vitreous.data.images.decode import decode
from vitreous.data.images.remarks import sentences
from vitreous.drawing.thumbnail import Thumbnail, thumbnail
from vitreous.errors import ImageError
from vitreous.heap import give_back
from vitreous.inference.answers_json import answers_json
from vitreous.inference.model_file import Bundle
from vitreous.serving.admission import Admission, Entry
from vitreous.serving.batching import within
from vitreous.serving.body import Sent, images_in, received
from vitreous.serving.examples import BODY, PREDICTED, responses
from vitreous.serving.journal import Journal
from vitreous.serving.limits import Limits
from vitreous.serving.prometheus import Metrics
from vitreous.serving.replies import answered, handlers, known_settings
from vitreous.serving.shelf import Served, Shelf
from vitreous.serving.status import Refusal
from vitreous.serving.watchman import Watchman
from vitreous.tasks import Answer
from vitreous.tasks.answer import Exact, Kept
from vitreous.version import __version__

STATIC = Path(__file__).parent / "static"
COLORS = Path(drawing.__file__).parent / "templates" / "colors.css"
PAGE = 1024  # pixels of the longer side of a drawn answer
TIDIED = 10.0  # seconds from one return of unused memory to the next
DECODERS = 2  # threads, and so images that are decoded at once
OPEN = (
    "/health/live", "/health/ready", "/openapi.json", "/", "/colors.css", "/drop.css", "/drop.js",
)  # fmt: skip
"""Paths that need no token: they say nothing of the models."""

Model = Annotated[str | None, Query(description="Name of the model; without it, the first one.")]
Top = Annotated[int, Query(ge=1, le=1000, description="How many classes to rank.")]


class Server:
    """What the routes share: models, places, counters. Its parts start with the event loop."""

    def __init__(self, models: Sequence[Served], limits: Limits, journal: Journal) -> None:
        self.served, self.limits, self.journal = models, limits, journal
        self.metrics = Metrics()
        self.admission = Admission(limits)
        self.shelf: Shelf
        self.engine = ThreadPoolExecutor(1, "engine")
        self.decoders = ThreadPoolExecutor(DECODERS, "decoder")

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        tell = self.journal.tell
        self.shelf = Shelf(self.served, self.engine, self.limits, self.metrics.batch, tell)
        tasks = [asyncio.create_task(each) for each in (self.shelf.watch(), self.tidy())]
        try:
            yield
        finally:
            self.drain()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.shelf.close()
            self.engine.shutdown(cancel_futures=True)
            self.decoders.shutdown(cancel_futures=True)

    async def tidy(self) -> None:
        """Give back the memory that is not in use, for as long as the server lives: what a large
        image took is not kept until the next one.
        """
        while True:
            await asyncio.sleep(TIDIED)
            await asyncio.to_thread(give_back)

    def drain(self) -> None:
        """Let nobody in any more; who is in is answered."""
        self.admission.closed = True

    async def images(self, request: Request, entry: Entry) -> list[Sent]:
        """The images of a request. Raises Refusal."""
        try:
            async with asyncio.timeout(self.limits.timeout):
                body = await received(request, self.limits, entry)
        except TimeoutError:
            raise Refusal(
                408,
                f"the body did not arrive within {self.limits.timeout:g} s",
                where="body",
                remedy="Send it faster, or less of it.",
            ) from None
        found = await images_in(body, request.headers, self.limits)
        entry.take(images=len(found) - 1)
        return found

    @contextlib.asynccontextmanager
    async def admitted(self, request: Request) -> AsyncIterator[list[Sent]]:
        """The images of a request that is let in, for as long as it may take. Raises Refusal."""
        client = request.client.host if request.client else "unknown"
        with self.admission.entered(client) as entry:
            sent = await self.images(request, entry)
            request.state.images = len(sent)
            try:
                async with asyncio.timeout(self.limits.timeout):
                    yield sent
            except TimeoutError:
                raise Refusal(
                    504,
                    f"no answer within {self.limits.timeout:g} s",
                    where="server",
                    remedy="Ask again, with fewer images, or start it with a longer --timeout.",
                ) from None

    async def predict(
        self,
        request: Request,
        model: Model = None,
        top: Top = 3,
        reject: Annotated[
            bool, Query(description="Answer 'none of these' to images unlike those of training.")
        ] = False,
        draw: Annotated[
            bool, Query(description="Add each answer drawn on its image, a data URL.")
        ] = False,
        files: Annotated[
            bool, Query(description="Add answers that are pictures (png) or numbers (npy), base64.")
        ] = False,
    ) -> Response:
        """What the network sees in each image, as `vitreous predict --json` says it."""
        async with self.admitted(request) as sent:
            one, queue = self.shelf.find(model)
            options = (("top", top), *([("reject", True)] if reject else []))
            told = await queue.answers([each.data for each in sent], options, self.decoders)
            answers: list[tuple[str, Answer | ImageError]] = []
            read: list[tuple[Sent, Answer]] = []
            remarks = []
            for each, outcome in zip(sent, told, strict=True):
                if isinstance(outcome, ImageError):
                    outcome.where = outcome.where or each.name
                    answers.append((each.name, outcome))
                elif isinstance(outcome, BaseException):
                    raise outcome
                else:
                    answers.append((each.name, outcome[0]))
                    read.append((each, outcome[0]))
                    remarks.append(outcome[1])
            if not read:
                raise next(error for _, error in answers if isinstance(error, ImageError))
            notes = sentences(np.array(remarks, np.uint8), lambda place: read[place][0].name)
            found = answers_json(answers, notes=[*queue.bundle.notes, *notes])
            loop = asyncio.get_running_loop()
            for row, (each, answer) in zip(found["predictions"], read, strict=True):
                if draw or files:
                    row |= await loop.run_in_executor(
                        self.decoders, pictured, queue.bundle, each.data, answer, draw, files
                    )
        return answered({"model": one.name, **found})

    async def explain(
        self,
        request: Request,
        model: Model = None,
        method: Annotated[str, Query(description="As `vitreous explain --method`.")] = "auto",
        target: Annotated[str, Query(description="A class; without it, the answer.")] = "",
    ) -> Response:
        """Where in each image the evidence for its answer lies, with a heatmap as a data URL."""
        loop = asyncio.get_running_loop()
        explanations = []
        async with self.admitted(request) as sent:
            one, queue = self.shelf.find(model)
            bundle = queue.bundle

            def decoded(data: bytes) -> NDArray[np.uint8]:
                within(data, self.limits.pixels)
                return bundle.picture(data)

            def explained(picture: NDArray[np.uint8]) -> dict[str, Any]:
                found = bundle.explain(picture, method=method, target=target)
                return {**found.to_json(), "overlay": data_url(found.png())}

            for each in sent:
                try:
                    picture = await loop.run_in_executor(self.decoders, decoded, each.data)
                    told = await loop.run_in_executor(self.engine, explained, picture)
                except ImageError as error:
                    error.where = error.where or each.name
                    raise
                explanations.append({"path": each.name, **told})
        return answered({"model": one.name, "explanations": explanations})

    def gauges(self) -> dict[str, tuple[str, float]]:
        return {
            "vitreous_ready": ("Is it ready to answer?", not self.admission.closed),
            "vitreous_waiting_images": ("Images that are not answered yet.", self.admission.images),
            "vitreous_held_bytes": ("Bytes of bodies that are held.", self.admission.held),
            "vitreous_reloads_total": ("Models that were loaded anew.", self.shelf.reloads),
            "vitreous_reload_failures_total": (
                "Files that could not be loaded.",
                self.shelf.failures,
            ),
        }


def create_app(
    models: Sequence[Served],
    *,
    limits: Limits | None = None,
    token: str = "",
    anywhere: bool = False,
    journal: Journal | None = None,
) -> FastAPI:
    """The application; `app.state.server` is the `Server` behind it.

    token     that requests must bring; "": none
    anywhere  it is meant to be reached by other names than those of this computer
    """
    server = Server(models, limits or Limits(), journal or Journal())
    app = FastAPI(
        title="vitreous serve",
        version=__version__,
        description="Trained networks answer images. Errors are JSON: kind, message, where, remedy",
        docs_url=None,  # pages that would load scripts from elsewhere
        redoc_url=None,
        lifespan=server.lifespan,
    )
    app.state.server = server
    app.add_middleware(
        Watchman,
        token=token,
        free=OPEN,
        anywhere=anywhere,
        metrics=server.metrics,
        journal=server.journal,
    )
    for kind, handler in handlers(app).items():
        app.add_exception_handler(kind, handler)
    post = {"methods": ["POST"], "openapi_extra": BODY, "dependencies": [Depends(known_settings)]}
    app.add_api_route("/predict", server.predict, responses=responses(PREDICTED), **post)  # type: ignore[arg-type]
    app.add_api_route("/explain", server.explain, responses=responses(), **post)  # type: ignore[arg-type]

    @app.get("/models")
    def listed() -> Response:
        """The models, with their classes and the pixels that they see."""
        return answered({"models": [one.facts for one in server.shelf.models.values()]})

    @app.get("/health/live")
    def live() -> Response:
        """200 as long as the process answers."""
        return answered({"status": "alive"})

    @app.get("/health/ready")
    def ready() -> Response:
        """200 when models are loaded and requests are taken; 503 while it ends."""
        server.admission.insist()
        return answered({"status": "ready", "models": [*server.shelf.models]})

    @app.get("/metrics")
    def metrics() -> Response:
        """Counters and histograms for Prometheus."""
        text = server.metrics.text(server.gauges())
        return Response(text, media_type="text/plain; version=0.0.4")

    @app.get("/colors.css", include_in_schema=False)
    def colors() -> Response:
        return FileResponse(COLORS)

    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def pictured(
    bundle: Bundle, data: bytes, answer: Answer, draw: bool, files: bool
) -> dict[str, Any]:
    """An answer drawn on its image; and as the files that `vitreous predict --out` writes."""
    found: dict[str, Any] = {}
    if draw:
        drawn = answer.draw(decode(data, channels=bundle.contract.channels))
        found["drawn"] = Thumbnail(thumbnail(drawn, PAGE)).source
    if files and isinstance(answer, Kept):
        found["png"] = base64.b64encode(answer.png()).decode()
    if files and isinstance(answer, Exact):
        found["npy"] = base64.b64encode(answer.npy()).decode()
    return found


def data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
