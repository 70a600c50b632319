"""Live lines on a terminal, drawn over themselves ten times a second (rich)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text
from rich.theme import Theme

from vitreous.progress.progress import Progress, one_line
from vitreous.progress.throughput import Meter, Stepped

READ = 0.2  # seconds between two readings of the loss
LEAST_BAR, MOST_BAR, GAP = 10, 40, 2  # columns
IMPORTANCE = ("name", "count", "loss", "score", "time", "bar", "rate", "sparkline")
COLORS = {"name": "bold", "score": "green", "sparkline": "green", "rate": "dim", "time": "cyan"}
COLORS |= {"bar.complete": "cyan", "bar.finished": "cyan", "bar.pulse": "cyan"}


class LiveProgress(Progress):
    """A line for each phase of training, which stays, and one for a stage, which goes with it."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]):
        self.clock = clock
        theme = Theme(COLORS)
        self.console = Console(file=stream, force_terminal=True, highlight=False, theme=theme)
        # A thread draws what the meters say: no step waits for the terminal.
        self.live = Live(
            console=self.console,
            get_renderable=self.lines,
            refresh_per_second=10,
            redirect_stderr=False,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self.live.start()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        self.live.transient = not self.phases  # of other work nothing stays
        super().__exit__(*error)
        self.live.stop()

    def step(self, step: Stepped, total_steps: int | None = None) -> None:
        super().step(step, total_steps)
        self.training.read(step, every=READ)

    def note(self, text: str) -> None:
        self.console.print(Text(one_line(text)))

    def lines(self) -> Group:
        work = self.work
        return Group(*map(self.line, (*self.phases, work) if work else self.phases))

    def line(self, meter: Meter) -> Table:
        """The parts that fit beside each other, the important ones first; a bar fills the rest."""
        words = {part: one_line(text) for part, text in meter.words().items() if text}
        texts = {part: Text(text, style=part) for part, text in words.items()}
        widths = {part: text.cell_len for part, text in texts.items()} | {"bar": LEAST_BAR}
        room, fitting = self.console.width - 1 + GAP, set[str]()
        for part in IMPORTANCE:
            if part in widths and (widths[part] + GAP <= room or not fitting):
                fitting.add(part)
                room -= widths[part] + GAP
        bar = ProgressBar(meter.total, meter.done, min(LEAST_BAR + max(room, 0), MOST_BAR))
        order = dict.fromkeys(("name", "bar", *texts))
        line = Table.grid(*(Column(no_wrap=True) for _ in fitting), padding=(0, GAP, 0, 0))
        line.add_row(*(texts.get(part, bar) for part in order if part in fitting))
        return line
