"""The real server, in a process of its own: what it costs to be talked to by the wrong people."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the playground's server needs the extra [serve]")
pytest.importorskip("websockets", reason="no client for WebSockets")

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from vitreous.playground.server.frames import unpack


class Server:
    def __init__(self, process: subprocess.Popen[str], url: str):
        self.process, self.url = process, url
        self.plane = url.replace("http", "ws") + "/plane"

    @property
    def memory(self) -> float:
        """Resident, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    @property
    def busy(self) -> float:
        """Seconds of processor time that it has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def answers(self, **headers: str) -> int:
        request = urllib.request.Request(self.url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

    def connect(self, **options):
        return connect(self.plane, max_size=None, **options)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    program = "from vitreous.playground.server.api import serve; serve(0, open_browser=False)"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found
        yield Server(process, found[0])
        assert process.poll() is None, "the server has died"
        process.terminate()
        assert "Traceback" not in process.communicate(timeout=30)[1]


async def tell(socket, **message) -> None:
    await socket.send(json.dumps(message))


async def hear(socket):
    message = await asyncio.wait_for(socket.recv(), 30)
    return unpack(message)[0] if isinstance(message, bytes) else json.loads(message)


def test_foreign_hosts_and_origins(server):
    assert server.answers() == 200
    assert server.answers(Host="attacker.example") == 403
    assert server.answers(Origin="http://attacker.example") == 403

    async def foreign():
        with pytest.raises(InvalidStatus):
            await server.connect(origin="http://attacker.example")
        async with server.connect(origin=server.url) as socket:
            await tell(socket, type="scene")
            assert (await hear(socket))["type"] == "scene"

    asyncio.run(foreign())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_hundred_megabytes_are_refused(server):
    async def flood():
        for _ in range(3):
            with contextlib.suppress(ConnectionClosed):
                async with server.connect() as socket:
                    await socket.send("[" + "[0.1,0.2,1]," * 9_000_000)
                    await hear(socket)

    before = server.memory
    asyncio.run(flood())
    assert server.memory - before < 150
    assert server.answers() == 200


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_fifty_pages_that_all_play(server):
    """Sixteen play, the others are told; the page is still served, and all of it is given back."""

    async def crowd():
        async with contextlib.AsyncExitStack() as stack:
            answers = []
            for _ in range(50):
                socket = await stack.enter_async_context(server.connect())
                largest = {"hidden": [32] * 8, "count": 5000, "batch_size": 1000}
                with contextlib.suppress(ConnectionClosed):
                    await tell(socket, type="set", changes=largest)
                answers.append(await hear(socket))
                if answers[-1]["type"] == "scene":
                    await tell(socket, type="play")
            assert sum(answer["type"] == "scene" for answer in answers) == 16
            assert sum(answer["type"] == "error" for answer in answers) == 34
            start = time.monotonic()
            assert await asyncio.to_thread(server.answers) == 200
            assert time.monotonic() - start < 10
            assert server.memory - before < 400

    before = server.memory
    asyncio.run(crowd())

    async def again():
        async with server.connect() as socket:
            await tell(socket, type="scene")
            assert (await hear(socket))["type"] == "scene"

    time.sleep(1)
    asyncio.run(again())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="time is read from /proc")
def test_a_page_that_vanishes_takes_its_training_with_it(server):
    async def vanish():
        socket = await server.connect()
        await tell(socket, type="play")
        assert (await hear(socket))["type"] == "frame"
        before = server.busy
        await asyncio.sleep(1)
        playing = server.busy - before
        socket.transport.abort()  # no farewell
        await asyncio.sleep(1)
        return playing

    assert asyncio.run(vanish()) > 0.1
    before = server.busy
    time.sleep(1)
    assert server.busy - before < 0.1
