"""Progress is seen on a terminal, is plain elsewhere, and reads the loss seldom."""

from __future__ import annotations

import io
import math
import os
import pty
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from rich.cells import cell_len
from rich.console import Console

from vitreous.metrics.score import Score
from vitreous.progress.choose import following, progress
from vitreous.progress.live import LiveProgress
from vitreous.progress.progress import PlainProgress, one_line, silent
from vitreous.progress.throughput import sparkline

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x9b]")


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Loss:
    """A loss that counts how often it is read."""

    value: float
    reads: list[float] = field(default_factory=list)

    def __float__(self) -> float:
        self.reads.append(self.value)
        return self.value


@dataclass(frozen=True)
class Step:
    number: int
    loss: Loss
    seconds: float = 0.01
    examples: int = 64


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


LOSSES = {"loss": 0.25, "validation loss": 0.5}


def scores(accuracy: float = 0.9) -> tuple[Score, ...]:
    return (
        Score(name="accuracy", title="accuracy", value=accuracy),
        Score(name="error", title="mean error", value=0.5, better="lower", unit="px"),
    )


def steps(clock: Clock, count: int, each: float, loss: Loss, first: int = 1) -> Iterator[Step]:
    for number in range(first, first + count):
        clock.now += each
        yield Step(number, loss, seconds=each)


def test_plain_lines_one_an_epoch_without_control_characters() -> None:
    stream, clock, loss = io.StringIO(), Clock(), Loss(1.0)
    with progress(stream=stream, style="plain", clock=clock) as p:
        task = p.task("reading images")
        for done in range(1, 11):
            clock.now += 0.1
            task(done, 10)
        p.begin("network", 20)
        for step in steps(clock, 20, 0.5, loss):
            p.step(step)
            if step.number % 10 == 0:
                p.epoch(step.number // 10, LOSSES, scores())
        p.note("the \x1b[31mlast\r line")
    text = stream.getvalue()
    assert text.splitlines() == [
        "reading images  10 in 0.9 s",
        "network epoch 1  loss 0.250  validation loss 0.500  accuracy 90.0 %  mean error 0.5 px"
        "  128 img/s  0:05 left",
        "network epoch 2  loss 0.250  validation loss 0.500  accuracy 90.0 %  mean error 0.5 px"
        "  128 img/s  in 0:10",
        "the  [31mlast  line",
    ]
    assert not CONTROL.search(text)
    assert loss.reads == []


def test_a_long_epoch_is_heard_of_once_a_minute() -> None:
    stream, clock, loss = io.StringIO(), Clock(), Loss(0.5)
    with progress(stream=stream, style="plain", clock=clock) as p:
        p.begin("", 300, epochs=3)
        for step in steps(clock, 200, 1.0, loss):
            p.step(step)
    lines = stream.getvalue().splitlines()
    assert lines == [
        "epoch 1/3  step 60/300  loss 0.500  64 img/s  4:00 left",
        "epoch 1/3  step 120/300  loss 0.500  64 img/s  3:00 left",
        "epoch 1/3  step 180/300  loss 0.500  64 img/s  2:00 left",
    ]
    assert len(loss.reads) == 3


def test_the_loss_is_read_at_most_five_times_a_second() -> None:
    stream, clock, loss = Terminal(), Clock(), Loss(0.5)
    with progress(stream=stream, style="live", clock=clock) as p:
        p.begin("network", 10_000)
        for step in steps(clock, 10_000, 0.001, loss):
            p.step(step)
    assert 40 <= len(loss.reads) <= 52  # ten seconds


def test_silence() -> None:
    stream, loss = Terminal(), Loss(1.0)
    with progress(stream=stream, style="none") as p:
        p.stage("x", total=3)
        p.advance(2)
        p.task("y")(1, 2)
        p.begin("network", 10)
        p.step(Step(1, loss))
        p.epoch(1, LOSSES, scores())
        p.note("z")
    assert stream.getvalue() == ""
    assert loss.reads == []
    assert type(silent()) is type(p)


def test_auto_asks_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress(stream=Terminal()), LiveProgress)
    assert isinstance(progress(stream=io.StringIO()), PlainProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress(stream=Terminal()), PlainProgress)


def test_nothing_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    for style in ("plain", "live"):
        with progress(style=style) as p:
            p.stage("work")
            p.note("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


def live(clock: Clock, stream: io.StringIO | None = None) -> LiveProgress:
    p = progress(stream=stream or Terminal(), style="live", clock=clock)
    assert isinstance(p, LiveProgress)
    return p


def shown(p: LiveProgress) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=p.console.width).print(p.lines())
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_a_live_line_is_one_line_at_any_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    clock = Clock()
    with live(clock) as p:
        p.stage("reading images", total=6000)
        p.advance(1500)
        clock.now += 1
        (line,) = shown(p)
        assert len(line) <= width
        assert line.startswith("reading images")
        p.begin("network", 1000)
        for step in steps(clock, 500, 0.01, Loss(0.123)):
            p.step(step)
        for epoch in range(1, 30):
            p.epoch(epoch, LOSSES, scores(epoch / 30))
        p.step(Step(501, Loss(0.123)))
        (line,) = shown(p)
        assert len(line) <= width
        assert "network epoch 30" in line
    # What matters less takes more room.
    parts = {
        "loss 0.123": 40,
        "accuracy 96.7 %": 60,
        "0:05 left": 40,
        "━": 80,
        "img/s": 100,
        "▂▂▃": 100,
    }
    for part, least in parts.items():
        assert (part in line) == (width >= least), part


def test_wide_letters_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    with live(Clock()) as p:
        p.stage("画像を読み込んでいます", total=6000)
        p.advance(15)
        (line,) = shown(p)
        assert "15/6,000" in line
        assert cell_len(line) <= 40


def on_screen(text: str) -> list[str]:
    """The lines down to the cursor; a terminal that knows what rich needs, and nothing else."""
    lines, row = [""], 0
    for token in re.findall(r"\x1b\[\??\d*(?:;\d+)*[A-Za-z]|[^\x1b]", text):
        if token == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif token == "\x1b[2K":
            lines[row] = ""
        elif token == "\x1b[1A":
            row -= 1
        elif token[0] != "\x1b" and token != "\r":
            lines[row] += token
        else:
            assert token == "\r" or token.endswith("m") or token.startswith("\x1b[?25"), token
    assert not any(lines[row + 1 :])
    return [line.rstrip() for line in lines[: row + 1]]


def seen(work: Callable[[LiveProgress, Clock], None]) -> list[str]:
    """What is left on a real terminal of 80 columns after some work."""
    reader, writer = pty.openpty()
    clock, read = Clock(), bytearray()

    def listen() -> None:
        with suppress(OSError):  # the other end was closed
            while part := os.read(reader, 1 << 16):
                read.extend(part)

    listener = threading.Thread(target=listen)
    listener.start()
    before = set(threading.enumerate())
    with os.fdopen(writer, "w") as stream:
        p = progress(stream=stream, clock=clock)
        assert isinstance(p, LiveProgress)
        with suppress(KeyboardInterrupt), p:
            work(p, clock)
    listener.join()
    os.close(reader)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()  # nothing draws any more
    assert b"\x1b[?25h" in read  # the cursor is back
    return on_screen(read.decode())


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("columns")
def test_phases_and_notes_stay_on_a_terminal_and_stages_go() -> None:
    def work(p: LiveProgress, clock: Clock) -> None:
        read = p.task("reading images")
        for done in range(1, 11):
            clock.now += 0.1
            read(done, 10)
            p.live.refresh()
        p.note("a note \x1b[2J stays")
        for name, first, last in (("head", 0, 1), ("network", 1, 3)):
            p.begin(name, 100, epochs=last)
            for step in steps(clock, 100, 0.1, Loss(0.5)):
                p.step(step)
                p.live.refresh()
                if step.number % (100 // (last - first)) == 0:
                    p.epoch(first + step.number * (last - first) // 100, LOSSES, scores())
            p.note(f"{name} is trained")
        p.stage("measuring", total=10)
        p.live.refresh()
        clock.now += 60
        p.advance(10)

    rest = "loss 0.500  accuracy 90.0 %  640 img/s  in 0:10"
    assert seen(work) == [
        "a note  [2J stays",
        "head is trained",
        "network is trained",
        f"head epoch 1/1  {'━' * 14}  {rest}",
        f"network epoch 3/3  {'━' * 11}  {rest}",
        "",
    ]


@pytest.mark.usefixtures("columns")
def test_an_error_leaves_the_terminal_clean() -> None:
    def training(p: LiveProgress, clock: Clock) -> None:
        p.begin("network", 10, epochs=5)
        for step in steps(clock, 3, 1.0, Loss(1.0)):
            p.step(step)
        p.stage("measuring", total=3)
        p.live.refresh()
        raise KeyboardInterrupt

    def stage(p: LiveProgress, clock: Clock) -> None:
        p.stage("reading images", total=3)
        p.live.refresh()
        raise KeyboardInterrupt

    (line, rest) = seen(training)
    assert line.startswith("network epoch 1/5")
    assert line.endswith("in 0:03")
    assert rest == ""
    assert seen(stage) == [""]


def test_the_cursor_comes_back_after_an_error() -> None:
    stream = Terminal()
    with suppress(KeyboardInterrupt), progress(stream=stream, style="live") as p:
        p.begin("network", 10)
        p.step(Step(1, Loss(1.0)))
        raise KeyboardInterrupt
    assert stream.getvalue().endswith("\x1b[?25h")


def test_a_resumed_run_counts_its_own_steps() -> None:
    stream, clock = io.StringIO(), Clock()
    with progress(stream=stream, style="plain", clock=clock) as p:
        p.begin("network", 1000, done=900)
        for step in steps(clock, 20, 1.0, Loss(0.1), first=901):
            p.step(step)
        p.epoch(46, LOSSES, scores())
    assert "network epoch 46" in stream.getvalue()
    assert "1:20 left" in stream.getvalue()


def test_a_resumed_run_names_no_epoch_that_it_cannot_know() -> None:
    for epochs_done, name in ((None, "network "), (45, "network epoch 46/50 ")):
        p = live(Clock())
        p.begin("network", 1000, 900, 50, epochs_done)
        p.step(Step(901, Loss(0.1)))
        (line,) = shown(p)
        assert line.startswith(name)
        assert ("epoch" in line) == (epochs_done is not None)
        p.epoch(46, LOSSES, scores())
        assert shown(p)[0].startswith("network epoch 46/50 ")
        p.step(Step(921, Loss(0.1)))
        assert shown(p)[0].startswith("network epoch 47/50 ")


def test_time_stands_still_for_a_phase_that_ended_early_until_it_goes_on() -> None:
    clock = Clock()
    p = live(clock)
    p.begin("network", 100)
    for step in steps(clock, 50, 1.0, Loss(0.5)):
        p.step(step)
    assert shown(p)[0].endswith("0:50 left")
    p.stage("measuring")
    clock.now += 100
    assert [line.split()[0] for line in shown(p)] == ["network", "measuring"]
    assert shown(p)[0].endswith("in 0:50")
    p.step(Step(51, Loss(0.5)))
    (line,) = shown(p)
    assert line.endswith("left")


def test_a_stage_that_is_done_waits_for_the_next_one_without_slowing_down() -> None:
    clock, stream = Clock(), io.StringIO()
    for p in (live(clock), progress(stream=stream, style="plain", clock=clock)):
        with p:
            p.stage("reading images", total=60)
            for count in (20, 40):
                clock.now += 2
                p.advance(count)
            clock.now += 100
            if isinstance(p, LiveProgress):
                assert shown(p)[0].endswith("60/60  15 img/s  in 0:04")
    assert stream.getvalue() == "reading images  60 in 4.0 s\n"


def test_a_total_may_change_on_the_way() -> None:
    clock = Clock()
    with live(clock) as p:
        p.begin("network", 1000)
        for step in steps(clock, 50, 1.0, Loss(0.5)):
            p.step(step, total_steps=100)
        assert (p.training.done, p.training.total) == (50, 100)
        assert p.training.left == pytest.approx(50)


def test_a_run_that_diverges_is_shown_to_its_end() -> None:
    for style in ("plain", "live"):
        stream = Terminal()
        with progress(stream=stream, style=style) as p:
            p.begin("network", 10)
            p.step(Step(1, Loss(math.nan)))
            for epoch, value in enumerate((0.5, math.nan, math.inf, 0.7), 1):
                p.epoch(epoch, {"loss": math.nan}, scores(value))
            p.epoch(5, {}, ())
        assert "epoch 5" in stream.getvalue()


def test_sparklines() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0]) == ""
    assert sparkline([1.0, 1.0]) == "▁▁"
    assert sparkline([0, 0.5, 1]) == "▁▅█"
    assert sparkline([0, math.nan, 0.5, math.inf, 1]) == "▁▅█"
    assert len(sparkline(list(range(100)))) == 16


def test_names_cannot_move_the_cursor() -> None:
    assert one_line("a\x1b[2Jb\r\n\x9bc\udcff") == "a [2Jb   c "


def test_rich_is_loaded_only_where_it_is_shown() -> None:
    import subprocess

    code = (
        "import sys, io; from vitreous.progress.choose import progress;"
        "progress(stream=io.StringIO(), style='plain'); assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("asked", "terminal", "notebook", "seen"),
    [
        (None, False, False, False),
        (None, True, False, True),
        (None, False, True, True),
        (True, False, False, True),
        (False, True, True, False),
    ],
)
def test_a_call_from_python_shows_progress_where_somebody_looks(
    monkeypatch: pytest.MonkeyPatch, asked: bool | None, terminal: bool, notebook: bool, seen: bool
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "dumb")  # plain lines
    monkeypatch.setitem(sys.modules, "ipykernel", object()) if notebook else None
    with following(asked) as shown:
        shown.note("what it says")
    assert ("what it says" in stream.getvalue()) is seen


def test_progress_that_the_caller_has_begun_is_gone_on_with() -> None:
    own = silent()
    with following(own) as shown:
        assert shown is own
