"""Several processes for one command line, by `--processes`: begun, watched, and ended together.

Each gets the environment that torchrun would give it, and does what it does under torchrun (see
`vitreous.distributed`); the first shows progress and prints results. One that dies is named with
its last words, and all others end with it, after which the run can be resumed. A signal goes to
each of them once, whether it came from a terminal or from another program.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitreous.distributed import FOLDER, LAUNCHED, cores, world
from vitreous.errors import PeerError, RunError, UsageError
from vitreous.formats import counted
from vitreous.run_folder import RunFolder
from vitreous.runs.interrupt import SIGNALS, Interrupted

LOOK = 0.05  # seconds between two looks at the processes
GRACE = 15.0  # seconds in which the others may end by themselves when one has died
WORDS = 6  # last lines of one that died
WAKE: int | None = getattr(signal, "SIGCONT", None)
STOPPED = 10.0  # seconds after which a process that was stopped is named


def asked(arguments: Mapping[str, Any]) -> int:
    """How many processes a verb with these arguments is to be run by: what `--processes` says, or
    for a run that is resumed as many as began it; 1 in a process that is one of several already.

    Raises UsageError for a number that cannot be meant.
    """
    given, here = arguments.get("processes"), world().size
    if given is not None and not 1 <= given <= most():
        raise UsageError(
            f"{given} processes, on {counted(cores(), 'core')}",
            where="--processes",
            remedy=f"Give a number from 1 to {most()}.",
        )
    if here > 1:
        if given not in (None, here):
            raise UsageError(
                f"{given} processes, and torchrun has begun {here}",
                where="--processes",
                remedy="Leave it out: torchrun says how many there are.",
            )
        return 1
    if given is None and isinstance(run := arguments.get("run"), Path):
        return began(RunFolder(run))
    return given or 1


def began(run: RunFolder) -> int:
    """How many processes of one machine began this run; 1 where that is not known."""
    found = run.surroundings
    number = found.get("processes") if found.get("machines") == 1 else None
    return number if type(number) is int and 1 <= number <= most() else 1


def most() -> int:
    """Processes that may be meant: a few more than cores, to try something out."""
    return max(8, 2 * cores())


def stopped(process: subprocess.Popen[bytes]) -> bool:
    """Has it been stopped, as by SIGSTOP or a debugger? Known on Linux."""
    try:
        told = Path(f"/proc/{process.pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] in ("T", "t")


@dataclass
class Crew:
    """The processes.

    folder   where they meet, and leave their last words
    signals  that were passed on
    looked   when was it last looked for processes that were stopped?
    still    by rank, since when they are; infinity where it was told
    """

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    signals: int = 0
    looked: float = 0.0
    still: dict[int, float] = field(default_factory=dict)

    def begin(self, arguments: Sequence[str], number: int) -> None:
        threads = str(max(1, cores() // number))
        for rank in range(number):
            environment = {
                "OMP_NUM_THREADS": threads,
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": str(number),
                "LOCAL_RANK": str(rank),
                "LOCAL_WORLD_SIZE": str(number),
                LAUNCHED: str(self.folder),
            }
            with self.words(rank).open("wb") as words:
                process = subprocess.Popen(
                    [sys.executable, "-m", "vitreous", *arguments],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL if rank else None,
                    stderr=words if rank else None,
                    start_new_session=True,  # a terminal's Ctrl-C comes by way of this process
                )
            self.processes.append(process)

    def words(self, rank: int) -> Path:
        return self.folder / f"{rank}.txt"

    def pass_on(self, number: int, frame: object = None) -> None:
        """A signal to each; the third one ends them at once."""
        self.signals += 1
        for process in self.processes:
            if process.poll() is None:
                process.kill() if self.signals > 2 else process.send_signal(number)
                if WAKE is not None:
                    process.send_signal(WAKE)  # one that was stopped hears nothing else

    @contextlib.contextmanager
    def signaled(self) -> Iterator[None]:
        """Within the block signals are passed on; after it no process is left."""
        before = {number: signal.signal(number, self.pass_on) for number in SIGNALS}
        try:
            yield
        finally:
            for process in self.processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self) -> int | None:
        """Until all have ended; returns the rank of the one that died first, if one did."""
        died: int | None = None
        until = None
        while any(process.poll() is None for process in self.processes):
            died = self.first_dead() if died is None else died
            if died is not None and not self.signals:
                until = until or time.monotonic() + GRACE
                if time.monotonic() > until:
                    break
            self.watch()
            time.sleep(LOOK)
        return self.first_dead() if died is None else died

    def watch(self) -> None:
        """Name a process that was stopped, and that all others wait for."""
        now = time.monotonic()
        if now < self.looked + STOPPED / 5:
            return
        self.looked = now
        for rank, process in enumerate(self.processes):
            since = self.still.setdefault(rank, now) if stopped(process) else None
            if since is None:
                self.still.pop(rank, None)
            elif now >= since + STOPPED:
                self.still[rank] = math.inf  # told once
                print(
                    f"the process of rank {rank}, of {len(self.processes)}, was stopped from "
                    "outside, and the others wait for it\n"
                    f"  `kill -CONT {process.pid}` lets it go on; Ctrl-C ends all.",
                    file=sys.stderr,
                )

    def first_dead(self) -> int | None:
        """One that has ended otherwise than well, and not because another had gone."""
        codes = [process.poll() for process in self.processes]
        wrong = [rank for rank, code in enumerate(codes) if code not in (None, 0)]
        own = [rank for rank in wrong if codes[rank] != PeerError.exit_code]
        alive = None in codes
        return next(iter(own), None if alive else next(iter(wrong), None))

    @property
    def run(self) -> RunFolder | None:
        """The folder of the run, once there is one."""
        try:
            return RunFolder(Path((self.folder / FOLDER).read_text("utf-8")))
        except OSError:
            return None

    def told(self, rank: int) -> RunError:
        """The error that names the process that died."""
        code = self.processes[rank].wait()
        ended = f"ended with exit code {code}"
        if code < 0:
            ended = f"was ended by the signal {signal.Signals(-code).name}"
        words = ""
        if rank:
            lines = self.words(rank).read_text("utf-8", "replace").rstrip().splitlines()
            words = "; its last words: " + " / ".join(map(str.strip, lines[-WORDS:]))
            words = words if lines else "; it said nothing"
        short = " The system does that where memory is short." if code == -9 else ""
        run = self.run
        again = f"Go on by `{run.resume_command}`." if run else "Look at what it said, and repeat."
        return RunError(
            f"the process of rank {rank}, of {len(self.processes)}, {ended}{words}",
            where=str(run.path) if run else None,
            remedy=again + short,
        )


def launch(arguments: Sequence[str], number: int) -> int:
    """Carry out a command line by so many processes that train together; returns the exit code.

    Raises RunError that names a process that has died, KeyboardInterrupt after a signal, where the
    first process has not said so itself.
    """
    with tempfile.TemporaryDirectory(prefix="vitreous-") as place:
        crew = Crew(Path(place))
        with crew.signaled():
            crew.begin(arguments, number)
            died = crew.wait()
            code = crew.processes[0].poll()
        if died is None or code == 0:
            return 0  # what came after the last number that others had a part in is done
        if crew.signals:
            if code == 130:
                return code
            raise Interrupted(crew.run) if crew.run else KeyboardInterrupt
        if code is not None and code > 0 and code != PeerError.exit_code:
            return code  # it has said why, perhaps as all others have
        raise crew.told(died)
