"""One line on a terminal that is drawn over itself, ten times a second at most."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vitreous.progress.meter import (
    JUDGED,
    Pace,
    Stepped,
    clock_time,
    left_in_words,
    number_in_words,
    printable,
    rate_in_words,
    scores_in_words,
)
from vitreous.progress.progress import Progress

REFRESH = 0.1  # seconds between two drawings of the line
READ = 0.2  # seconds between two readings of the loss
BLOCKS = "▁▂▃▄▅▆▇█"
LEAST_BAR, MOST_BAR = 10, 40  # columns
SPARKS = 16  # epochs that the sparkline shows


class LiveProgress(Progress):
    """A line that is drawn over itself, ten times a second at most."""

    def __init__(self, pace: Pace, stream: TextIO):
        self.pace = pace
        self.console = Console(file=stream, force_terminal=True, highlight=False)
        # No thread: the line is drawn between steps, when there is something new to draw.
        self.live = Live(
            console=self.console, auto_refresh=False, redirect_stderr=False, redirect_stdout=False
        )
        self.drawn = self.was_read = float("-inf")
        self.history: list[float] = []
        self.latest = ""
        self.ended = False

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What stays on the screen is where training ended; of other work nothing need stay.
        self.pace.begin_stage("", None)
        self.ended = True
        self.live.transient = not self.pace.training
        self._draw(now=True)
        self.live.stop()

    def stage(self, text: str, total: int | None = None) -> None:
        self.pace.begin_stage(text, total)
        self._draw(now=True)

    def advance(self, count: int = 1) -> None:
        self.pace.add(count)
        self._draw()

    def advance_to(self, done: int, total: int | None = None) -> None:
        self.pace.reach(done, total)
        self._draw(now=done == total)

    def begin(
        self, text: str, total_steps: int | None = None, done: int = 0, epochs: int | None = None
    ) -> None:
        self.pace.begin_steps(text, total_steps, done, epochs)
        self.was_read = float("-inf")
        self._draw(now=True)

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        self.pace.count(step, total_steps)
        if self.pace.clock() - self.was_read >= READ:
            self.pace.read(step)
            self.was_read = self.pace.clock()
        self._draw()

    def epoch(self, scores: Mapping[str, Any]) -> None:
        self.pace.end_epoch(scores)
        judged = next((key for key in JUDGED if key in scores), None)
        if judged is not None:
            self.history.append(float(scores[judged]))
            self.latest = " ".join(
                scores_in_words({judged.removeprefix("validation_"): scores[judged]})
            )
        self._draw(now=True)

    def note(self, text: str) -> None:
        self.console.print(Text(printable(text)))

    def _draw(self, *, now: bool = False) -> None:
        if now or self.pace.clock() - self.drawn >= REFRESH:
            self.live.update(self.line(), refresh=True)
            self.drawn = self.pace.clock()

    def line(self) -> RenderableType:
        """What is shown now; on a narrow terminal the less important parts give way."""
        pace = self.pace
        if pace.text:
            return self._stage_line()
        if not pace.training:
            return Text()
        name = f"{pace.phase} {pace.epoch_under_way}".strip()
        elapsed = f"in {clock_time(pace.clock() - pace.began)}"
        parts = [
            (Text(name, style="bold"), 0),
            (Text(number_in_words("loss", pace.loss)), 1),
            (Text(self.latest, style="green"), 2),
            (Text(sparkline(self.history), style="green"), 5),
            (Text(rate_in_words(pace.rate), style="dim"), 4),
            (Text(elapsed if self.ended else left_in_words(pace.left), style="cyan"), 3),
        ]
        return self._fitted(parts, pace.fraction)

    def _stage_line(self) -> RenderableType:
        pace = self.pace
        seconds = max(pace.clock() - pace.stage_began, 1e-9)
        known = bool(pace.total)
        count = f"{pace.done:,}" + (f"/{pace.total:,}" if pace.total else "")
        parts = [
            (Text(pace.text, style="bold"), 0),
            (Text(count if pace.done or known else ""), 1),
            (Text(rate_in_words(pace.done / seconds) if pace.done else "", style="dim"), 2),
        ]
        return self._fitted(parts, min(pace.done / pace.total, 1.0) if pace.total else None)

    def _fitted(self, parts: list[tuple[Text, int]], fraction: float | None) -> RenderableType:
        """The parts that fit in one line, in their order; a bar takes what is left.

        parts  with what each matters: 0 most; the bar matters less than 3 and more than 4
        """
        width = self.console.width - 1
        shown = [part for part in parts if part[0].plain]

        def room() -> int:
            return width - sum(len(text) + 2 for text, _ in shown)

        while len(shown) > 1:
            least = max(shown, key=lambda part: part[1])
            wanted = LEAST_BAR if fraction is not None and least[1] >= 4 else 0
            if room() >= wanted:
                break
            shown.remove(least)
        texts = [text for text, _ in shown]
        line = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(len(texts) + 1):
            line.add_column(no_wrap=True, overflow="ellipsis")
        cells: list[RenderableType] = list(texts)
        if fraction is not None and room() >= LEAST_BAR:
            bar = ProgressBar(
                total=1.0,
                completed=fraction,
                width=min(room(), MOST_BAR),
                complete_style="cyan",
                finished_style="cyan",
            )
            cells.insert(1, bar)
        line.add_row(*cells)
        return line


def sparkline(values: list[float], most: int = SPARKS) -> str:
    """The last values as a row of blocks between their least and their greatest."""
    recent = values[-most:]
    if len(recent) < 2:
        return ""
    low, high = min(recent), max(recent)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in recent)
