"""A server under load: images a second of `vitreous serve`, against the bare network and against
the server that tutorials write (FastAPI, Pillow, one image after the other).

The network is EfficientNet-Lite0 for images of 224², with first weights: time does not depend on
them. It is served by itself in float32, in bfloat16 as runs are that were trained here, and by what
a trial chooses for such a run. Photos are JPEGs as they lie in Imagenette. Clients keep their
connections and run in a process of their own on the same two cores, whose cost is in all servers'
figures. Each round asks all sides one after the other, so that a busy machine slows all.

    VITREOUS_DATA=... python benchmarks/ship.py
"""

from __future__ import annotations

import contextlib
import http.client
import math
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from vitreous.data.batches.preprocess import PixelContract
from vitreous.infer.runtime_choice import RuntimeChoice, record
from vitreous.infer.runtimes import NETWORK
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.ready import Ready
from vitreous.models import create
from vitreous.run_folder import RunFolder
from vitreous.runs.run_engine import trial
from vitreous.tasks import Classify
from vitreous.training.precision import choose

ROUNDS = int(os.environ.get("ROUNDS", 3))
SECONDS = float(os.environ.get("SECONDS_EACH", 8))
CLIENTS, BATCH, PHOTOS, MANY, MOST = 16, 16, 64, 10_000, 48
SERVED = {
    "float32": "float32",
    "bfloat16": "bfloat16",
    "chosen": choose("auto", "cpu", math.inf).name,
}
"""What is served, and its number format; the last is as runs are that were trained here, and has an
engine.
"""

PLAIN = """
import io, socket, sys
import numpy as np, torch, uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

network, names = torch.load(sys.argv[1], weights_only=False), [str(k) for k in range(10)]
app = FastAPI()

@app.post("/predict")
async def predict(image: UploadFile):
    picture = Image.open(io.BytesIO(await image.read())).convert("RGB")
    scale = 224 / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    picture = picture.crop((left, top, left + 224, top + 224))
    pixels = torch.from_numpy(np.asarray(picture, np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        shares = network(pixels).softmax(1)[0]
    best = int(shares.argmax())
    return {"label": names[best], "score": float(shares[best])}

listener = socket.create_server(("127.0.0.1", 0))
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as `uvicorn app` would have it
print(f"at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
"""


def classifier(precision: str) -> Bundle:
    torch.manual_seed(0)
    arguments = {"num_classes": 10, "in_channels": 3, "size": 224}
    return Bundle(
        model=create("efficientnet_lite0", **arguments).eval(),
        architecture="efficientnet_lite0",
        arguments=arguments,
        task=Classify(classes=tuple(map(str, range(10)))),
        contract=PixelContract(height=224, width=224, channels=3),
        precision=precision,
    )


def chosen(path: str, ready: list[Ready]) -> RuntimeChoice:
    """What a run of many photos would have chosen, written where `load` finds it."""
    bundle = load(path)
    engine = bundle.engine_by(NETWORK)
    assert engine is not None
    rows = np.stack([one.pixels for one in ready])
    found = trial(bundle, engine, rows, np.arange(len(rows)), MANY).choose()
    record(RunFolder(Path(path).parent).runtime, found)
    return found


def photos() -> list[bytes]:
    folder = Path(os.environ["VITREOUS_DATA"]) / "imagenette"
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpeg", ".jpg"))
    return [path.read_bytes() for path in random.Random(0).sample(files, PHOTOS)]


@contextlib.contextmanager
def server(command: Sequence[str]) -> Iterator[int]:
    """The port of a server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        while not (found := re.search(r"127.0.0.1:(\d+)", process.stdout.readline())):
            pass
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()


def form(photo: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.jpg"\r\n\r\n'
    return head + photo + b"\r\n--b--\r\n"


def ask(connection: http.client.HTTPConnection, body: bytes) -> float:
    start = time.perf_counter()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    connection.request("POST", "/predict", body, headers)
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, answer
    return time.perf_counter() - start


def closed_loop(port: int, bodies: list[bytes], clients: int, seconds: float) -> list[float]:
    """Each client asks again as soon as it has an answer; the seconds of all answers."""
    found: list[float] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for place in range(number, 1 << 30):
            if time.perf_counter() >= end:
                break
            found.append(ask(connection, bodies[place % len(bodies)]))

    threads = [threading.Thread(target=client, args=(k,)) for k in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def open_loop(port: int, bodies: list[bytes], rate: float, seconds: float) -> list[float]:
    """Requests at random moments, so many a second on average, whatever the answers do; over
    connections that are kept, as many as are needed.
    """
    rng, found = random.Random(0), []
    kept: list[http.client.HTTPConnection] = []
    start = time.perf_counter()
    due = 0.0

    def client(body: bytes, moment: float) -> None:
        connection = kept.pop() if kept else http.client.HTTPConnection("127.0.0.1", port)
        ask(connection, body)
        found.append(time.perf_counter() - start - moment)
        kept.append(connection)

    with ThreadPoolExecutor(MOST) as executor:
        while due < seconds:
            time.sleep(max(0.0, due - (time.perf_counter() - start)))
            executor.submit(client, rng.choice(bodies), due)
            due += rng.expovariate(rate)
    return found


def elsewhere(work, *arguments):
    """The same in a process of its own, which shares no interpreter with what is measured."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(work, arguments)


def bare(bundle: Bundle, ready: list, seconds: float) -> float:
    """Images a second of the network alone, decoded before, in batches."""
    bundle.decided(ready[:BATCH])
    start, count = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        first = count % PHOTOS
        bundle.decided(ready[first : first + BATCH])
        count += BATCH
    return count / (time.perf_counter() - start)


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))]


def main() -> None:
    images = photos()
    bodies = [form(photo) for photo in images]
    rows: list[dict[str, float]] = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        bundles, ports, ready = {}, {}, [classifier("float32").ready(photo) for photo in images]
        for name, precision in SERVED.items():
            place = Path(folder) / name
            place.mkdir()
            path = str(classifier(precision).save(place / "model.safetensors"))
            if name == "chosen":
                print(f"chosen: {chosen(path, ready).text}\n")
            bundles[name] = load(path)
            command = ["-m", "vitreous", "serve", path, "--port", "0", "--quiet"]
            ports[name] = stack.enter_context(server(command))
        plain = f"{folder}/network.pt"
        torch.save(classifier("float32").model, plain)
        ports["plain"] = stack.enter_context(server(["-c", PLAIN, plain]))
        for port in ports.values():
            elsewhere(closed_loop, port, bodies, 2, 2.0)
        for _ in range(ROUNDS):
            row = {}
            for name, port in ports.items():
                if name in bundles:
                    row[f"bare {name}"] = bare(bundles[name], ready, SECONDS)
                found = elsewhere(closed_loop, port, bodies, CLIENTS, SECONDS)
                row[name] = len(found) / SECONDS
                alone = elsewhere(closed_loop, port, bodies, 1, SECONDS / 2)
                row[f"{name} alone"] = statistics.median(alone)
                if name in bundles:
                    half = elsewhere(open_loop, port, bodies, row[name] / 2, SECONDS)
                    row[f"{name} p99"] = p99(half)
            rows.append(row)
            print(row, file=sys.stderr)
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}

    def ratio(one: str, other: str) -> str:
        ratios = sorted(row[one] / row[other] for row in rows)
        return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} – {ratios[-1]:.2f})"

    print(
        f"| | images a second, {CLIENTS} clients | / bare network | / plain server |"
        " one client alone, median ms | p99 at half load / that |\n|---|---|---|---|---|---|"
    )
    for name in SERVED:
        alone = f"{middle[f'bare {name}']:.1f}"
        print(f"| the bare network, {name}, batches of {BATCH} | {alone} | | | | |")
        print(
            f"| vitreous serve, {name} | {middle[name]:.1f} | {ratio(name, f'bare {name}')} | "
            f"{ratio(name, 'plain')} | {1000 * middle[f'{name} alone']:.0f} | "
            f"{ratio(f'{name} p99', f'{name} alone')} |"
        )
    print(
        f"| FastAPI, Pillow, one by one | {middle['plain']:.1f} | | | "
        f"{1000 * middle['plain alone']:.0f} | |"
    )


if __name__ == "__main__":
    main()
