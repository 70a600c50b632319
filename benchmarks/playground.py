"""The playground: training steps a second, and frames a second in a browser.

A bare loop in torch (forward, loss, backward, optimizer step) is what a session cannot beat; the
session adds the shared training loop, its checks and its seeds. Turns alternate, so that a busy
machine slows both. The frames are counted in Chromium while the network trains at full speed.

    python benchmarks/playground.py
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import time

import torch

from vitreous.playground.plane.page_state import State
from vitreous.playground.plane.session import Session
from vitreous.playground.plane.snapshot import snapshot

STEPS, TURNS = 1000, 7
CASES = {
    "2 features, 4-2": State(),
    "2 features, 3 × 8 units, relu": State(hidden=(8, 8, 8), activation="relu"),
    "the same with an L2 penalty": State(hidden=(8, 8, 8), activation="relu", l2=0.003),
    "the same with Adam": State(hidden=(8, 8, 8), activation="relu", optimizer="adam", lr=0.01),
}


def bare(state: State) -> float:
    """Steps a second of the shortest loop in torch that does the same."""
    session = Session(state)
    network, loss, optimizer = session.network, session.loss.each, session.optimizer
    weights = [linear.weight for linear in session.linears]
    batches = session._batches()
    start = time.perf_counter()
    for _ in range(STEPS):
        batch = next(batches)
        optimizer.zero_grad()
        total = loss(network(batch.images), batch.targets["value"]).mean()
        if state.l2:
            total = total + state.l2 / 2 * sum(w.square().sum() for w in weights)
        total.backward()
        optimizer.step()
    return STEPS / (time.perf_counter() - start)


def stepped(state: State) -> float:
    """Steps a second of a session, the map off."""
    session = Session(state)
    session.advance(20)
    start = time.perf_counter()
    session.advance(STEPS)
    return STEPS / (time.perf_counter() - start)


def frame(state: State) -> float:
    """Milliseconds to compute one frame: the decision map of 100 × 100, units, histograms."""
    session = Session(state)
    session.advance(20)
    snapshot(session)
    start = time.perf_counter()
    for _ in range(100):
        snapshot(session)
    return (time.perf_counter() - start) * 10


def frames(query: str, seconds: int = 5) -> float:
    """Frames a second that Chromium draws while the network trains."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chrome")
    program = "from vitreous.playground.server.api import serve; serve(0, open_browser=False)"
    server = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        url = re.search(r"http://\S+", server.stderr.readline())
        assert url
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.goto(f"{url[0]}/#{query}")
            page.wait_for_selector(".unit")
            page.click("#play")
            page.wait_for_timeout(1000)
            before = page.evaluate("playground.plane.frames")
            page.wait_for_timeout(1000 * seconds)
            count = page.evaluate("playground.plane.frames") - before
            browser.close()
        return float(count) / seconds
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    torch.set_num_threads(1)
    print("| network | bare loop | session | ratio | a frame |\n|---|---|---|---|---|")
    for name, state in CASES.items():
        turns = [(bare(state), stepped(state)) for _ in range(TURNS)]
        alone, session = (statistics.median(column) for column in zip(*turns, strict=True))
        row = f"| {name} | {alone:,.0f}/s | {session:,.0f}/s | {session / alone:.2f}"
        print(f"{row} | {frame(state):.1f} ms |", flush=True)
    query = CASES["2 features, 3 × 8 units, relu"].to_query()
    print(f"\nFrames a second in Chromium, 3 × 8 units, training: {frames(query):.0f}")


if __name__ == "__main__":
    main()
