"""An exported network in a browser: the JavaScript of docs/export.md answers as the run does.

npm install --prefix /tmp/web onnxruntime-web
ONNXRUNTIME_WEB=/tmp/web/node_modules/onnxruntime-web/dist pytest -m slow tests/web/test_onnx_web.py
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitreous as vt
from vitreous.export.exporting import export

pytest.importorskip("onnxscript", reason="exporting needs the extra [export]")
DIST = Path(os.environ.get("ONNXRUNTIME_WEB", "nowhere"))
PAGE = Path(__file__).parents[2] / "docs" / "export.md"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DIST.is_dir(), reason="$ONNXRUNTIME_WEB names no folder"),
]
NEEDED = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
PROGRAM = re.compile(r"```javascript\n(.*?)```", re.DOTALL)


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


Files.extensions_map = {
    **Files.extensions_map,
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which a browser finds it."""
    for name in NEEDED:
        shutil.copy(DIST / name, tmp_path)
    handler = functools.partial(Files, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def colors() -> tuple[np.ndarray, np.ndarray]:
    """Images that are brightest in the channel of their class."""
    images = np.random.default_rng(0).integers(0, 130, (150, 16, 16, 3), dtype=np.uint8)
    labels = np.arange(150) % 3
    images[np.arange(150), ..., labels] += 100
    return images, labels


@pytest.mark.parametrize("kind", ["gray", "color"])
def test_the_program_of_the_page(browser: Any, kind: str, place: tuple[Path, str]) -> None:
    folder, address = place
    (program,) = PROGRAM.findall(PAGE.read_text("utf-8"))
    assert len(program.splitlines()) <= 40
    data = "digits" if kind == "gray" else colors()
    usual = {"model": "lenet5", "epochs": 4, "precision": "float32"}
    run = vt.train(data, out=folder / "run", **usual)
    export(run.folder.path, out=folder / "model.onnx", data=data)
    images = [vt.open("digits").read(k) for k in range(6)] if kind == "gray" else data[0][:6]
    icon = "<link rel=icon href='data:,'>"
    (folder / "index.html").write_text(f"{icon}<script type='module'>{program}</script>")
    shown = []
    for image in images:
        row = run.model.contract.load(image)
        Image.fromarray(row[..., 0] if row.shape[2] == 1 else row).save(folder / "3.png")
        page = browser.new_page()
        with page.expect_console_message(timeout=30_000) as said:
            page.goto(address)
        shown.append((said.value.text, run.model.predict(row).label))
        page.close()
    assert [one for one, _ in shown] == [other for _, other in shown]
    assert len({one for one, _ in shown}) > 1
