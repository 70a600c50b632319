"""A server under load: images a second of `vitreous serve`, against the bare network and against
the server that tutorials write (FastAPI, Pillow, one image after the other).

The network is EfficientNet-Lite0 for images of 224², with first weights: time does not depend on
them. Photos are JPEGs as they lie in Imagenette. Clients keep their connections and run in a
process of their own on the same two cores, whose cost is in both servers' figures. Each round asks
all sides one after the other, so that a busy machine slows all.

    VITREOUS_DATA=... python benchmarks/ship.py
"""

from __future__ import annotations

import contextlib
import http.client
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
from pathlib import Path

import torch

from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify

ROUNDS = int(os.environ.get("ROUNDS", 3))
SECONDS = float(os.environ.get("SECONDS_EACH", 8))
CLIENTS, BATCH, PHOTOS = 16, 16, 64

PLAIN = """
import io, socket, sys
import numpy as np, torch, uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image
from vitreous.inference.model_file import load

network, names = load(sys.argv[1]).model.eval(), [str(k) for k in range(10)]
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
print(f"at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
"""


def classifier() -> Bundle:
    torch.manual_seed(0)
    arguments = {"num_classes": 10, "in_channels": 3, "size": 224}
    return Bundle(
        model=create("efficientnet_lite0", **arguments).eval(),
        architecture="efficientnet_lite0",
        arguments=arguments,
        task=Classify(classes=tuple(map(str, range(10)))),
        contract=PixelContract(height=224, width=224, channels=3),
    )


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
    """Requests at random moments, so many a second on average, whatever the answers do."""
    rng, found, threads = random.Random(0), [], []
    start = time.perf_counter()
    due = 0.0

    def client(body: bytes, moment: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        ask(connection, body)
        found.append(time.perf_counter() - start - moment)
        connection.close()

    while due < seconds:
        time.sleep(max(0.0, due - (time.perf_counter() - start)))
        thread = threading.Thread(target=client, args=(rng.choice(bodies), due))
        thread.start()
        threads.append(thread)
        due += rng.expovariate(rate)
    for thread in threads:
        thread.join()
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
    bundle = classifier()
    ready = [bundle.ready(photo) for photo in images]
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(bundle.save(Path(folder) / "lite0.safetensors"))
        ours = ["-m", "vitreous", "serve", path, "--port", "0", "--quiet"]
        with server(ours) as own, server(["-c", PLAIN, path]) as plain:
            for port in (own, plain):
                elsewhere(closed_loop, port, bodies, 2, 2.0)
            for _ in range(ROUNDS):
                row = {"bare": bare(bundle, ready, SECONDS)}
                for name, port in (("own", own), ("plain", plain)):
                    found = elsewhere(closed_loop, port, bodies, CLIENTS, SECONDS)
                    row[name] = len(found) / SECONDS
                    row[f"{name} alone"] = statistics.median(
                        elsewhere(closed_loop, port, bodies, 1, SECONDS / 2)
                    )
                half = elsewhere(open_loop, own, bodies, row["own"] / 2, SECONDS)
                row["half p99"], row["half median"] = p99(half), statistics.median(half)
                rows.append(row)
                print(row, file=sys.stderr)
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}

    def ratio(one: str, other: str) -> str:
        ratios = [row[one] / row[other] for row in rows]
        each = ", ".join(f"{value:.2f}" for value in ratios)
        return f"{statistics.median(ratios):.2f} ({each})"

    print("| | images a second | one client alone, median ms |\n|---|---|---|")
    print(f"| the bare network, batches of {BATCH}, decoded before | {middle['bare']:.1f} | |")
    for name, title in (("own", "vitreous serve"), ("plain", "FastAPI, Pillow, one by one")):
        alone = 1000 * middle[f"{name} alone"]
        print(f"| {title}, {CLIENTS} clients | {middle[name]:.1f} | {alone:.0f} |")
    print(
        f"\nserve / bare {ratio('own', 'bare')}; serve / plain {ratio('own', 'plain')}; at half of"
    )
    print(
        f"its greatest load: median {1000 * middle['half median']:.0f} ms, p99 "
        f"{1000 * middle['half p99']:.0f} ms, which is {ratio('half p99', 'own alone')} times"
    )
    print("the median of one client alone.")


if __name__ == "__main__":
    main()
