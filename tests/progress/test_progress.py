"""Progress is seen on a terminal, is plain elsewhere, and reads the loss seldom."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from vitreous.progress.choose import progress
from vitreous.progress.live import LiveProgress, sparkline
from vitreous.progress.meter import printable
from vitreous.progress.progress import PlainProgress, silent

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


def row(epoch: int, accuracy: float = 0.9) -> dict[str, object]:
    return {
        "epoch": epoch,
        "phase": "network",
        "step": 10 * epoch,
        "lr": 0.1,
        "train_loss": 0.25,
        "validation_loss": 0.5,
        "validation_accuracy": accuracy,
        "validation_score": accuracy - 1e-7,
    }


def steps(clock: Clock, count: int, each: float, loss: Loss) -> Iterator[Step]:
    for number in range(1, count + 1):
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
                p.epoch(row(step.number // 10))
        p.note("the \x1b[31mlast\r line")
    text = stream.getvalue()
    assert text.splitlines() == [
        "reading images  10 in 0.9 s",
        "network  epoch 1  loss 0.250  validation loss 0.500  validation accuracy 90.0 %"
        "  128 img/s  0:05 left",
        "network  epoch 2  loss 0.250  validation loss 0.500  validation accuracy 90.0 %"
        "  128 img/s",
        "the  [31mlast  line",
    ]
    assert not CONTROL.search(text)
    assert loss.reads == []


def test_a_long_epoch_is_heard_of_once_a_minute() -> None:
    stream, clock, loss = io.StringIO(), Clock(), Loss(0.5)
    with progress(stream=stream, style="plain", epochs=3, clock=clock) as p:
        p.begin("", 300)
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
    assert stream.getvalue().count("loss") <= 102


def test_silence() -> None:
    stream, loss = Terminal(), Loss(1.0)
    with progress(stream=stream, style="none") as p:
        p.stage("x", total=3)
        p.advance(2)
        p.task("y")(1, 2)
        p.begin("network", 10)
        p.step(Step(1, loss))
        p.epoch(row(1))
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


def shown(p: LiveProgress) -> str:
    stream = io.StringIO()
    Console(file=stream, width=p.console.width).print(p.line())
    return stream.getvalue().rstrip("\n")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_the_live_line_is_one_line_at_any_width(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    clock = Clock()
    p = progress(stream=Terminal(), style="live", clock=clock)
    assert isinstance(p, LiveProgress)
    with p:
        p.stage("reading images", total=6000)
        p.advance(1500)
        clock.now += 1
        line = shown(p)
        assert "\n" not in line
        assert len(line) <= width
        assert line.startswith("reading images")
        p.begin("network", 1000)
        for step in steps(clock, 500, 0.01, Loss(0.123)):
            p.step(step)
        for epoch in range(1, 30):
            p.epoch(row(epoch, epoch / 30))
        line = shown(p)
        assert "\n" not in line
        assert len(line) <= width
        assert "network epoch 30" in line
    if width == 100:
        for part in ("━", "loss 0.123", "accuracy 96.7 %", "6,400 img/s", "0:05 left"):
            assert part in line, part
    if width == 200:
        assert "▁▂▂▃" in line or "▁▁▂▂" in line


def test_on_a_real_terminal_the_line_is_drawn_over_itself() -> None:
    reader, writer = pty.openpty()
    clock = Clock()
    with os.fdopen(writer, "w") as stream:
        with progress(stream=stream, clock=clock) as p:
            p.begin("network", 100)
            for step in steps(clock, 100, 0.1, Loss(0.5)):
                p.step(step)
            p.note("a note stays")
        stream.flush()
        text = os.read(reader, 1 << 20).decode()
        while not text.endswith("\x1b[?25h"):
            text += os.read(reader, 1 << 20).decode()
    os.close(reader)
    assert "\x1b[2K" in text  # a line is erased
    assert "a note stays" in text


def test_the_cursor_comes_back_after_an_error() -> None:
    stream = Terminal()
    with suppress(KeyboardInterrupt), progress(stream=stream, style="live") as p:
        p.begin("network", 10)
        p.step(Step(1, Loss(1.0)))
        raise KeyboardInterrupt
    assert "\x1b[?25h" in stream.getvalue()


def test_a_resumed_run_counts_its_own_steps() -> None:
    stream, clock = io.StringIO(), Clock()
    with progress(stream=stream, style="plain", clock=clock) as p:
        p.begin("network", 1000, done=900)
        for number in range(901, 921):
            clock.now += 1.0
            p.step(Step(number, Loss(0.1), seconds=1.0))
        p.epoch(row(46))
    assert "epoch 46" in stream.getvalue()
    assert "1:20 left" in stream.getvalue()


def test_a_total_may_change_on_the_way() -> None:
    clock = Clock()
    p = progress(stream=Terminal(), style="live", clock=clock)
    assert isinstance(p, LiveProgress)
    with p:
        p.begin("network", 1000)
        for step in steps(clock, 50, 1.0, Loss(0.5)):
            p.step(step, total_steps=100)
        assert p.pace.fraction == 0.5
        assert p.pace.left == pytest.approx(50)


def test_sparklines() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0]) == ""
    assert sparkline([1.0, 1.0]) == "▁▁"
    assert sparkline([0, 0.5, 1]) == "▁▅█"
    assert len(sparkline(list(range(100)))) == 16


def test_names_cannot_move_the_cursor() -> None:
    assert printable("a\x1b[2Jb\r\n\x9bc\udcff") == "a [2Jb   c "


def test_rich_is_loaded_only_where_it_is_shown() -> None:
    import subprocess

    code = (
        "import sys, io; from vitreous.progress.choose import progress;"
        "progress(stream=io.StringIO(), style='plain'); assert 'rich.live' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
