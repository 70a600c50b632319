"""The playground in a browser: every control used as a visitor would use it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import vitreous as vt
from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.playground.plane.glossary import GLOSSARY
from vitreous.playground.plane.lessons import LESSONS
from vitreous.playground.plane.page_state import State
from vitreous.playground.plane.session import Session
from vitreous.tasks import Classify

pytest.importorskip("fastapi", reason="the playground's server needs the extra [serve]")
ON_IMAGES = {"Softmax"}  # words of the other view
PATIENCE = 90_000  # milliseconds; the machine may be busy


@contextmanager
def served(path: Path) -> Iterator[str]:
    """A playground in a process of its own that was started with a run or a model file."""
    program = (
        "import sys; from vitreous.playground.server.api import serve; "
        "serve(0, sys.argv[1], open_browser=False)"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found
            yield found[0]
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    """A playground that was started with a run: a small convolutional network, not trained."""
    torch.manual_seed(0)
    arguments: dict[str, Any] = {"num_classes": 10, "in_channels": 1, "size": 28}
    arguments |= {"stem": 6, "widths": (12,), "pool": "average"}
    path = Bundle(
        model=create("convnet", **arguments).eval(),
        architecture="convnet",
        arguments=arguments,
        task=Classify(classes=tuple("abcdefghij")),
        contract=PixelContract(height=28, width=28, channels=1),
    ).save(tmp_path_factory.mktemp("run") / "model.safetensors")
    with served(path) as address:
        yield address


@pytest.fixture(scope="module")
def masks(tmp_path_factory) -> Iterator[str]:
    """A playground that was started with a run of masks: bright blocks in the dark."""
    folder = tmp_path_factory.mktemp("masks")
    for number in range(20):
        random = np.random.default_rng(number)
        image = random.integers(0, 90, (24, 30, 3), np.uint8)
        mask = np.zeros((24, 30), np.uint8)
        top, left = random.integers(0, 14, 2)
        mask[top : top + 10, left : left + 12] = 1
        image[mask == 1] += 120
        for kind, pixels in (("images", image), ("masks", mask)):
            (folder / "data" / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / "data" / kind / f"{number}.png"), pixels)
    vt.train(folder / "data", epochs=2, size=24, out=folder / "run", seed=0)
    with served(folder / "run") as address:
        yield address


@pytest.fixture
def visit(url, browser) -> Iterator[Any]:
    """Open the page; at the end, it must have logged no error and asked no other server."""
    contexts, complaints = [], []

    def open_page(query: str = "", **options: Any) -> Any:
        options = {"viewport": {"width": 1600, "height": 1000}} | options
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
        page.on(
            "request",
            lambda r: r.url.startswith((url, "blob:", "data:")) or complaints.append(r.url),
        )
        page.goto(f"{url}/#{query}")
        ready(page, "images" if "tab=images" in query else "plane")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def ready(page, tab: str) -> None:
    """Wait until the page shows what a network made of its data."""
    seen = {"plane": "plane?.frames > 0", "images": "images?.seen && images.network"}[tab]
    script = f"(({{ plane, images }}) => Boolean({seen}))(globalThis.playground ?? {{}})"
    until(lambda: page.evaluate(script))
    page.wait_for_selector({"plane": ".unit", "images": ".map-tile"}[tab])
    # What has arrived is drawn.
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => drawn()))")


def until(condition, seconds: float = 90) -> None:
    """Wait for something that is about to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def number(page, selector: str) -> float:
    return float(page.inner_text(selector).replace(",", ""))


def state(page) -> dict[str, Any]:
    return page.evaluate("playground.plane.state")


def query(page) -> str:
    return page.evaluate("location.hash.slice(1)")


def test_play_pause_step_restart(visit):
    page = visit("data=gauss&hidden=3")
    before = number(page, "#test-loss")
    page.click("#play")
    until(lambda: number(page, "#steps") > 200)
    assert page.inner_text("#play-word") == "Pause"
    assert number(page, "#test-loss") < before
    page.click("#play")
    until(lambda: page.evaluate("playground.plane.latest.playing") is False)
    steps = page.evaluate("playground.plane.latest.steps")
    page.wait_for_timeout(300)
    assert page.evaluate("playground.plane.latest.steps") == steps
    page.click("#step")
    until(lambda: number(page, "#steps") == steps + 1)
    page.click("#restart")
    until(lambda: number(page, "#steps") == 0)
    assert number(page, "#test-loss") == before  # the same seed, the same network
    page.click("#reseed")
    until(lambda: number(page, "#test-loss") != before)


def test_one_batch_forward_and_back(visit):
    page = visit("hidden=3,2", reduced_motion="reduce")
    page.click("#step")
    page.wait_for_selector(".phases button")
    names = page.locator(".phases button").all_inner_texts()
    forward, backward = ["Layer 1", "Layer 2", "Output"], ["∂ Output", "∂ Layer 2", "∂ Layer 1"]
    assert names == ["Batch", *forward, "Loss", *backward, "Update"]
    assert page.evaluate("playground.plane.map.marked.size") == 10
    assert page.inner_text(".phases [aria-current]") == "Batch"  # it waits: motion is not wanted
    for name in names[1:]:
        page.locator(".phases").get_by_role("button", name=name, exact=True).click()
        assert page.inner_text(".phases [aria-current]") == name
    page.get_by_role("button", name="∂ Layer 2", exact=True).click()
    assert page.locator(".hidden-unit .value").count() == 2
    page.get_by_role("button", name="Close the batch").click()
    assert page.evaluate("playground.plane.map.marked.size") == 0
    assert page.locator(".value").count() == 0


def test_every_setting_reaches_the_address_and_comes_back(visit):
    page = visit()
    page.check('input[value="spiral"]', force=True)
    until(lambda: state(page)["data"] == "spiral")
    chosen = {"Activation": "gelu", "Optimizer": "nadam", "Learning rate": "0.1"}
    chosen |= {"Loss": "cross_entropy", "L1 regularization": "0.001", "L2 regularization": "0.01"}
    for label, value in {**chosen, "Dropout": "0.2", "Initialization": "he"}.items():
        page.get_by_role("combobox", name=label, exact=True).select_option(value)
    page.get_by_role("slider", name="Noise").fill("0.25")
    page.get_by_role("slider", name="Train : test").fill("0.6")
    page.get_by_role("slider", name="Batch size").fill("25")
    page.get_by_role("slider", name="Number of points").fill("300")
    page.fill("#seed", "42")
    page.press("#seed", "Enter")
    page.locator("#seed").blur()
    until(lambda: state(page)["seed"] == 42)
    assert page.locator(".unit.feature").count() == 2  # the others are shown when asked for
    page.click("#all-features")
    assert page.locator(".unit.feature").count() == 12
    page.get_by_role("button", name="Input sin X₁").click()
    page.wait_for_selector('.unit.feature[aria-pressed="true"] >> nth=2')
    page.click("#all-features")
    assert page.locator(".unit.feature").count() == 3
    page.get_by_role("button", name="Add a hidden layer").click()
    until(lambda: len(state(page)["hidden"]) == 3)
    page.get_by_role("button", name="One unit more in layer 1").click()
    until(lambda: state(page)["hidden"] == [5, 2, 2])
    page.get_by_role("button", name="One unit less in layer 2").click()
    until(lambda: state(page)["hidden"] == [5, 1, 2])
    page.check("#show-test")
    page.check("#discretize")
    page.fill("#pace", "3")
    expected = State(
        data="spiral", activation="gelu", optimizer="nadam", lr=0.1, loss="cross_entropy",
        l1=0.001, l2=0.01, dropout=0.2, init="he", noise=0.25, ratio=0.6, batch_size=25,
        count=300, seed=42, features=("x1", "x2", "sin_x1"), hidden=(5, 1, 2),
    )  # fmt: skip
    until(lambda: query(page).startswith(expected.to_query()))
    address = page.evaluate("location.href")
    assert address.endswith("&test=1&discretize=1&pace=3")
    page.reload()
    ready(page, "plane")
    assert State.from_json(state(page)) == expected
    assert page.evaluate("location.href") == address
    assert page.is_checked("#show-test")
    assert page.inner_text("#pace-word") == "30/s"
    page.get_by_role("button", name="Remove the last hidden layer").click()
    until(lambda: state(page)["hidden"] == [5, 1])


def test_an_address_that_is_no_experiment(visit):
    page = visit("")
    page.evaluate("location.hash = 'hidden=99'")
    until(lambda: "out of range" in page.inner_text("#status"))
    assert state(page)["hidden"] == [4, 2]


def test_what_matters_is_above_the_fold(visit):
    """Data, network, output, its loss curve and the button to play, on a small projector."""
    page = visit("hidden=8,8,8", viewport={"width": 1366, "height": 768})
    for name in ("#play", "#sets", "#data-settings", "#stage", "#chart", "#map", "#test-loss"):
        box = page.locator(name).bounding_box()
        assert box["y"] >= 0, name
        assert box["y"] + box["height"] <= 768, name
    sizes = page.eval_on_selector_all(
        "#sets canvas", "(all) => all.map((c) => [c.clientWidth, c.clientHeight])"
    )
    assert len(set(map(tuple, sizes))) == 1  # of the tiles


def test_a_class_sees_what_its_teacher_chose(visit):
    page = visit("hidden=3&hide=noise,features,layers")
    for name in ("#set-noise", "#all-features", "#more-layers"):
        assert not page.is_visible(name)
    assert page.is_visible("#set-batch_size")
    page.click("#restart")
    assert "hide=noise" in query(page)  # a link from here hides as much
    page.goto(page.url.split("#")[0] + "?hide=optimizer,export,images#hidden=4")
    ready(page, "plane")
    assert not page.is_visible("#set-optimizer")
    assert not page.is_visible("#away-title")
    assert not page.is_visible("#tab-images")
    assert page.is_visible("#set-noise")
    page.check("#show-test")
    assert "?hide=optimizer" in page.url
    page.evaluate("location.hash = 'hide=nose'")
    until(lambda: "no part 'nose'" in page.inner_text("#status"))
    assert "noise" in page.inner_text("#status")


def test_every_word_is_explained(visit):
    """Each "?" opens its entry; each entry of the glossary stands behind one of them."""
    page = visit()
    named = page.eval_on_selector_all(
        ".ask", "(all) => all.map((button) => button.getAttribute('aria-label'))"
    )
    titles = {word.title for word in GLOSSARY.values()}
    assert {name.removeprefix("What is this: ") for name in named} == titles - ON_IMAGES
    asked = page.get_by_role("button", name="What is this: Learning rate")
    asked.click()
    assert "The length of a step along the gradient" in page.inner_text("#tip")
    page.keyboard.press("Escape")
    assert not page.is_visible("#tip")
    assert page.evaluate("document.activeElement.className") == "ask"


def test_a_new_lesson_begins_with_nothing_of_the_one_before(visit):
    page = visit("data=gauss&hidden=3")
    page.click("#play")
    until(lambda: page.inner_text("#rate") != "–")
    page.click('[data-key="u0.1"]')
    page.select_option("#lesson", "1")
    until(lambda: number(page, "#steps") == 0)
    until(lambda: page.inner_text("#rate") == "–")
    assert "output" in page.inner_text("#map-title")  # there is no unit any more
    page.check('input[value="own"]', force=True)  # without points yet
    until(lambda: "Draw here" in page.inner_text("#map-title"))
    page.wait_for_timeout(200)
    assert page.inner_text("#map-title").startswith("Draw here")
    assert page.inner_text("#test-loss") == "–"
    page.click('[data-key="output"]')  # no number of it is known: nothing to set
    assert not page.is_visible("#tip input")


def test_an_address_that_was_cut_off(visit):
    page = visit("hidden=3&net=%E0%A4&pace=%")
    assert state(page)["hidden"] == [3]
    assert page.inner_text("#pace-word")
    page.evaluate("location.hash = 'hidden=5&net=%'")
    until(lambda: state(page)["hidden"] == [5])


def test_every_lesson_opens(visit):
    page = visit()
    for index, lesson in enumerate(LESSONS.values()):
        page.select_option("#lesson", str(index))
        until(lambda lesson=lesson: query(page) == lesson.state.to_query())
        assert page.inner_text("#question") == lesson.question
        assert page.inner_text("#task") == f"{lesson.do} {lesson.see}"
    assert page.input_value("#lesson") == str(len(LESSONS) - 1)


def test_units_are_read_with_the_pointer_and_the_keyboard(visit):
    page = visit("hidden=3,2&activation=relu")
    page.hover('[data-key="u0.1"]')
    until(lambda: "Layer 1, unit 2" in page.inner_text("#map-title"))
    page.mouse.move(5, 5)
    until(lambda: "output" in page.inner_text("#map-title"))
    page.click('[data-key="u1.0"]')
    until(lambda: page.locator("#unit tbody tr").count() == 4)  # three weights and a bias
    assert page.get_attribute('[data-key="u1.0"]', "aria-pressed") == "true"
    page.focus('[data-key="f0"]')
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.key") == "u0.1"
    until(lambda: "Layer 1, unit 2" in page.inner_text("#map-title"))
    page.keyboard.press("Enter")
    until(lambda: "Layer 1, unit 2" in page.inner_text("#unit"))


def line_to_the_output(page) -> tuple[float, float]:
    """A place of the page where a weight of the last layer is drawn."""
    tile = page.locator('[data-key="output"]').bounding_box()
    x, middle = tile["x"] - 14, tile["y"] + tile["height"] / 2
    for offset in range(-60, 60, 2):
        page.mouse.move(x, middle + offset)
        if page.is_visible("#tip") and "to output" in page.inner_text("#tip").lower():
            return x, middle + offset
    raise AssertionError("no line was found")


def test_weights_and_biases_are_set_by_hand(visit):
    page = visit("hidden=2&seed=4")
    weights = "[...playground.plane.latest.arrays.weights].map((w) => +w.toFixed(3))"
    biases = "[...playground.plane.latest.arrays.biases].map((w) => +w.toFixed(3))"
    before = page.evaluate(weights)
    page.mouse.click(*line_to_the_output(page))
    assert "Weight from layer 1, unit" in page.inner_text("#tip")
    value = float(page.input_value("#tip input"))
    page.keyboard.type("2.5")
    page.keyboard.press("Enter")
    place = before.index(pytest.approx(value, abs=1e-3))
    until(lambda: page.evaluate(weights)[place] == 2.5)
    assert not page.is_visible("#tip input")
    page.click('[data-key="u0.1"]')
    assert page.inner_text("#tip label") == "Bias of layer 1, unit 2"
    page.fill("#tip input", "-1.25")
    page.click("#tip button")
    until(lambda: page.evaluate(biases)[1] == -1.25)
    page.get_by_label("Weight from X₂").fill("0.75")
    page.get_by_label("Weight from X₂").press("Enter")
    until(lambda: page.evaluate(weights)[3] == 0.75)
    page.click('[data-key="output"]')
    page.keyboard.press("Escape")
    assert page.get_by_label("Weight from layer 1, unit 1").input_value() != ""
    page.get_by_label("Bias", exact=True).fill("9999")  # out of range: nothing is sent
    page.get_by_label("Bias", exact=True).press("Enter")
    page.click("#restart")
    until(lambda: page.evaluate(weights) == before)


def test_what_is_under_the_pointer_is_told_there(visit):
    page = visit("data=gauss&hidden=3")
    page.hover("#map", position={"x": 250, "y": 60})
    told = page.inner_text("#tip")
    found = re.search(r"x₁ = (\S+), x₂ = (\S+)\s+(\S+)", told)
    assert found
    x, y, value = (float(text.replace("−", "-")) for text in found.groups())
    assert x > 0
    assert y > 0
    session = Session(State.from_json(state(page)))
    answer = session.answer(torch.tensor([[x, y]]))
    assert value == pytest.approx(float(answer), abs=0.03)
    page.hover('[data-key="u0.1"]')
    assert "bias" in page.inner_text("#tip")
    page.mouse.move(5, 5)
    assert not page.is_visible("#tip")
    page.click("#step")
    until(lambda: number(page, "#steps") == 1)
    page.hover("#chart")
    until(lambda: "training" in page.inner_text("#tip"))


def test_inside_of_a_network_that_learns(visit):
    """The embedding follows the chosen layer, the landscape the training; unseen, both rest."""
    page = visit("data=circle&hidden=5,3")
    latest = "playground.plane.latest"
    page.evaluate("scrollTo(0, 0)")
    page.set_viewport_size({"width": 1600, "height": 500})
    until(lambda: page.evaluate("playground.plane.visible.size") == 0)
    page.click("#step")
    until(lambda: page.evaluate(f"{latest}.steps") == 1)
    assert page.evaluate(f"{latest}.embedding === undefined")

    page.locator("#landscape").scroll_into_view_if_needed()
    until(lambda: "Layer 2: 3 units at 250 training points" in page.inner_text("#embedding-text"))
    until(lambda: "after 1 step:" in page.inner_text("#landscape-text"))
    loss = number(page, "#train-loss")
    shown = re.search(r"training loss (\d\.\d+)", page.inner_text("#landscape-text"))
    assert shown
    assert float(shown[1]) == pytest.approx(loss, abs=1e-3)
    page.select_option("#embedding-layer", "0")
    until(lambda: "The 2 inputs" in page.inner_text("#embedding-text"))
    assert query(page).endswith("layer=0")
    pictures = [page.locator(f"#{name}").screenshot() for name in ("embedding", "landscape")]
    page.select_option("#embedding-layer", "1")
    page.click("#play")
    until(lambda: "Layer 1: 5 units" in page.inner_text("#embedding-text"))
    until(lambda: "after 1 step:" not in page.inner_text("#landscape-text"))
    for name, before in zip(("embedding", "landscape"), pictures, strict=True):
        assert page.locator(f"#{name}").screenshot() != before  # it moves
    page.get_by_role("button", name="Remove the last hidden layer").click()
    until(lambda: page.locator("#embedding-layer option").count() == 2)


def test_space_plays(visit):
    page = visit()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    until(lambda: number(page, "#steps") > 0)


def test_points_are_drawn_with_the_mouse(visit):
    page = visit()
    page.check('input[value="own"]', force=True)
    box = page.locator("#map").bounding_box()

    def drag(start, end):
        for place, act in ((start, page.mouse.down), (end, page.mouse.up)):
            x, y = box["x"] + box["width"] * place[0], box["y"] + box["height"] * place[1]
            page.mouse.move(x, y, steps=12)
            act()

    def points(target):
        return np.array([point for point in state(page)["points"] if point[2] == target])

    drag((0.2, 0.2), (0.4, 0.2))
    page.locator('[name="brush"][value="-1"]').check()
    drag((0.6, 0.8), (0.8, 0.8))
    until(lambda: state(page)["data"] == "own" and len(points(-1)))
    positive = points(1)
    assert len(positive) > 3
    assert (positive[:, 1] > 3).all()
    assert (points(-1)[:, 1] < -3).all()
    page.locator('[name="brush"][value="0"]').check()
    drag((0.2, 0.2), (0.21, 0.2))
    until(lambda: len(points(1)) < len(positive))
    page.click("#play")
    until(lambda: page.inner_text("#train-accuracy") == "accuracy 100.0 %")


def test_an_answer_during_a_stroke_takes_no_point_away(visit):
    page = visit()
    page.check('input[value="own"]', force=True)
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + 60, box["y"] + 60
    for row in (0, 60):
        page.mouse.move(x, y + row)
        page.mouse.down()
        page.mouse.move(x + 80, y + row, steps=8)
        if row == 0:
            page.mouse.up()
    drawn = page.evaluate("playground.plane.points.own.length")
    # The answer to the first stroke comes while the second one is drawn.
    answer = "{ ...playground.plane.state, data: 'own', points: [[0, 0, 1]] }"
    page.evaluate(f"playground.plane.points.show({answer})")
    page.mouse.up()
    until(lambda: len(state(page)["points"]) == drawn)


def test_points_are_drawn_with_the_keyboard(visit):
    page = visit()
    page.check('input[value="own"]', force=True)
    page.focus("#map")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
    until(lambda: state(page)["points"] == [[0.25, 0, 1], [0.5, 0, 1], [0.75, 0, 1]])


def test_points_are_pasted(visit):
    page = visit()
    page.check('input[value="own"]', force=True)

    def paste(text):
        page.locator("#csv").evaluate("(area, text) => { area.value = text }", text)
        page.click("#csv-load")

    paste("height,weight,animal\n10,100,cat\n20,300,dog\n30,200,cat\n")
    until(lambda: len(state(page)["points"]) == 3)
    assert state(page)["points"] == [[-5, -5, -1], [0, 5, 1], [5, 0, -1]]
    assert "−1 is cat, +1 is dog" in page.inner_text("#status")
    paste("0 0 1.5\n1 1 2.5\n2 2 3.5\n3 3 5.5")
    until(lambda: state(page)["kind"] == "regress")
    assert [point[2] for point in state(page)["points"]] == [-1, -0.5, 0, 1]
    for text, reason in (
        ("1,2,a\n3,4,b\n5,x,a", "Line 3"),
        ("1,2,a\n3,4,b\n5,6,c", "3 different labels"),
        ("1,2,a", "two rows"),
        ("1,2,a\n" * 5001, "5000 is the most"),
        ("1,2,a\n1e999,2,b", "Line 2"),
    ):
        paste(text)
        until(lambda reason=reason: reason in page.inner_text("#status"))


def test_what_is_taken_away(visit, tmp_path):
    page = visit("hidden=3")
    page.click("#step")
    for label, name in (("PyTorch", "network.py"), ("Recipe", "experiment.yaml")):
        with page.expect_download() as download:
            page.get_by_role("button", name=label, exact=True).click()
        assert download.value.suggested_filename == name
        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert ("nn.Linear(2, 3)" if name.endswith("py") else "hidden:\n  - 3") in text
    with page.expect_download() as download:
        page.get_by_role("button", name="Weights", exact=True).click()
    assert len(load_file(download.value.path())) == 4
    pytest.importorskip("onnxscript")
    with page.expect_download(timeout=90_000) as download:
        page.get_by_role("button", name="ONNX", exact=True).click()
    assert Path(download.value.path()).stat().st_size > 500


def test_playing_is_a_film(visit):
    """How many frames a second is measured in benchmarks/playground.py."""
    page = visit("hidden=8,8,8&activation=relu")
    page.click("#play")
    before = page.evaluate("playground.plane.frames")
    until(lambda: page.evaluate("playground.plane.frames") >= before + 12)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_both_themes_at_every_width(visit, theme, width):
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": theme}
    page = visit("hidden=8,2,2,2,2,2,2,8", **options)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    picture = cv2.imdecode(np.frombuffer(page.screenshot(full_page=True), np.uint8), 1)
    assert picture.shape[1] == width  # nothing makes the page wider
    assert (np.median(picture) > 128) == (theme == "light")
    canvas = cv2.imdecode(np.frombuffer(page.locator("#map").screenshot(), np.uint8), 1)
    assert len(np.unique(canvas.reshape(-1, 3), axis=0)) > 50  # there is a picture in it
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") != theme
    page.reload()
    ready(page, "plane")
    assert page.evaluate("document.documentElement.dataset.theme") != theme  # it is remembered
    page.click("#tab-images")
    page.wait_for_selector(".map-tile")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("theme", "width"), [("light", 1600), ("dark", 400)])
def test_axe_finds_nothing_serious(visit, serious, theme, width):
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": theme}
    page = visit("hidden=3,2", reduced_motion="reduce", **options)
    page.click('[data-key="u1.0"]')
    page.click("#step")
    page.wait_for_selector(".phases button")
    page.check('input[value="own"]', force=True)
    page.fill("#csv", "0,0,1\n1,1,-1\n2,1,-1")
    page.click("#csv-load")
    until(lambda: state(page)["data"] == "own")
    assert serious(page) == []
    page.click("#tab-images")
    page.wait_for_selector(".map-tile")
    page.hover("#layer-list .map-tile")
    until(lambda: page.locator("#why .big").count() == 1)
    until(lambda: "held-out digits" in page.inner_text("#cloud-text"))
    assert serious(page) == []


def test_an_image_is_drawn_uploaded_and_explained(visit, tmp_path):
    page = visit("tab=images")
    assert "model.safetensors" in page.locator("#network-name option").first.inner_text()
    assert page.locator("#layer-list .layer").count() == 13
    box = page.locator("#drawing").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=10)
    page.mouse.up()
    until(lambda: page.evaluate("playground.images.seen?.arrays.image.reduce((a, b) => a + b)") > 0)
    drawn = page.evaluate("[...playground.images.seen.arrays.image]")
    assert max(drawn) > 200
    page.uncheck("#framed")
    until(lambda: page.evaluate("[...playground.images.seen.arrays.image]") != drawn)

    path = tmp_path / "cross.png"
    picture = np.zeros((28, 28), np.uint8)
    picture[10:18] = 180
    cv2.imwrite(str(path), picture)
    page.set_input_files("#upload", str(path))
    until(
        lambda: (
            page.evaluate("[...playground.images.seen.arrays.image]") == picture.flatten().tolist()
        )
    )
    assert page.locator("#guess tbody tr").count() == 6

    page.hover("#layer-list > :nth-child(1) .map-tile:nth-child(2)")
    until(lambda: "Patch × kernel" in page.inner_text("#why"))
    assert "stem.conv, map 2" in page.inner_text("#why")
    assert "3 × 3 pixels" in page.inner_text("#why")
    assert page.locator("#why canvas").count() == 2
    page.focus("#layer-list > :nth-child(2) .map-tile")
    page.keyboard.press("ArrowRight")
    until(lambda: "map 2, row 8, column 8" in page.inner_text("#why"))
    page.keyboard.press("Shift+ArrowDown")
    until(lambda: "map 2, row 9, column 8" in page.inner_text("#why"))
    assert "largest of this window" in page.inner_text("#why")

    assert page.is_visible("#cam-panel")
    page.select_option("#cam-class", "4")
    until(lambda: "of e:" in (page.get_attribute("#cam", "aria-label") or ""))

    path.write_bytes(b"not an image")
    page.set_input_files("#upload", str(path))
    until(lambda: page.inner_text("#status") != "")

    # The first stroke on an image that was only shown begins a new drawing; the next one goes on.
    page.click("#draw-example")
    until(lambda: page.evaluate("playground.images.drawing.isShown"))
    page.locator("#drawing").scroll_into_view_if_needed()
    box = page.locator("#drawing").bounding_box()
    dark = "playground.images.seen.arrays.image.reduce((n, v) => n + (v < 9), 0)"
    for number, (x, y) in enumerate(((40, 40), (200, 210))):
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.down()
        page.mouse.up()
        until(lambda n=number: 784 - 40 * (n + 1) < page.evaluate(dark) < 784 - 9 * (n + 1))
    image = np.reshape(page.evaluate("[...playground.images.seen.arrays.image]"), (28, 28))
    rows, columns = np.nonzero(image > 99)
    assert {(row < 14, column < 14) for row, column in zip(rows, columns, strict=True)} == {
        (True, True),
        (False, False),
    }


def test_the_evidence_is_shown_by_any_method(visit, serious):
    page = visit("tab=images")
    until(lambda: page.evaluate("Boolean(playground.images.seen)"))
    page.click("#heat-panel button")
    until(lambda: "by gradcam in" in page.inner_text("#heat-panel .said"))
    assert page.is_visible("#heat-panel canvas")
    page.fill("#heat-panel [list]", "d")
    page.select_option("#heat-panel select >> nth=0", "occlusion")
    until(lambda: "by occlusion" in page.inner_text("#heat-panel .said"))
    assert page.inner_text("#heat-panel .said").startswith("d (")
    page.fill("#heat-panel [list]", "dd")
    page.click("#heat-panel button")
    until(lambda: "unknown class 'dd'" in page.inner_text("#heat-panel .said"))
    assert not page.is_visible("#heat-panel canvas")
    page.fill("#heat-panel [list]", "e")  # and the conversation goes on
    page.click("#heat-panel button")
    until(lambda: page.inner_text("#heat-panel .said").startswith("e ("))
    assert serious(page) == []


def test_a_kernel_slides_over_its_map_and_scores_become_shares(visit):
    page = visit("tab=images")
    page.hover("#layer-list > :nth-child(1) .map-tile:nth-child(2)")
    until(lambda: page.is_visible("#slide"))
    page.mouse.move(5, 5)
    before = page.evaluate("playground.images.layers.asked")
    page.click("#slide")
    until(lambda: page.evaluate("playground.images.layers.asked")[2:] > before[2:])
    page.click("#slide")
    assert page.inner_text("#slide") == "Slide over the map"
    at = page.evaluate("playground.images.layers.asked")
    page.click("#slide-back")  # and number by number
    back = [*at[:3], at[3] - 1] if at[3] else [*at[:2], at[2] - 1, 27]
    until(lambda: page.evaluate("playground.images.layers.asked") == back)
    page.click("#slide-on")
    until(lambda: page.evaluate("playground.images.layers.asked") == at)
    logits, shares = page.evaluate(
        "(({ logits, probabilities }) => [logits, probabilities])(playground.images.seen)"
    )
    told = page.inner_text(".formula")
    best = int(np.argmax(shares))
    assert told.startswith(f"{'abcdefghij'[best]}: e^(")
    found = re.search(r"= ([\d.]+) ÷ ([\d.]+) = ([\d.]+) %", told)
    assert found
    top, total, percent = (float(number) for number in found.groups())
    assert top == pytest.approx(np.exp(logits[best]), rel=1e-3)
    assert total == pytest.approx(np.exp(logits).sum(), rel=1e-3)
    assert percent == pytest.approx(100 * shares[best], abs=0.06)


def test_lines_lead_to_the_maps_that_a_number_is_made_of(visit):
    page = visit("tab=images&net=lenet", reduced_motion="reduce")
    page.wait_for_selector("#layer-list > :nth-child(4) .map-tile")
    until(lambda: page.evaluate("Boolean(playground.images.seen)"))
    page.hover("#layer-list > :nth-child(4) .map-tile:nth-child(3)")  # the second convolution
    until(lambda: page.locator(".threads path").count() == 6)  # from six maps before it
    assert page.locator(".threads rect").count() == 6
    sizes = page.eval_on_selector_all(
        ".threads path", "(all) => all.map((path) => +path.getAttribute('stroke-width'))"
    )
    assert max(sizes) == pytest.approx(4.6)
    assert sizes == sorted(sizes, reverse=True)
    assert page.is_visible("#slide-on")
    assert not page.is_visible("#slide")  # motion is not wanted
    page.hover("#layer-list > :nth-child(5) .map-tile:nth-child(3)")  # its activation
    until(lambda: page.locator(".threads path").count() == 1)
    until(lambda: "Patch × kernel" in page.inner_text("#why"))  # behind it lies the convolution
    assert page.locator("#why .trail").count() == 1
    shown = page.evaluate("playground.images.turns.shown")
    page.click("#draw-example")
    until(lambda: page.evaluate("playground.images.turns.shown") > shown)  # and none are drawn
    until(lambda: page.locator(".threads path").count() == 1)


def test_one_image_forward_its_loss_and_its_gradient_back(visit):
    page = visit("tab=images")
    page.select_option("#network-name", "linear")
    page.wait_for_selector("#templates canvas", timeout=90_000)
    until(lambda: page.evaluate("Boolean(playground.images.seen)"))
    step = page.locator("#walk").get_by_role("button", name="Step")
    step.click()
    until(lambda: "Forward: what head makes of it" in page.inner_text("#walk p"))
    tile = "#layer-list .layer:last-child canvas"
    pixels = "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 1, 1).data]"
    before = page.locator(tile).evaluate_all(f"(all) => all.map({pixels})")
    step.click()
    until(lambda: "The loss of the answer is" in page.inner_text("#walk p"))
    step.click()
    until(lambda: "how the loss would grow" in page.inner_text("#walk p"))
    assert page.locator(tile).evaluate_all(f"(all) => all.map({pixels})") != before
    assert step.is_disabled()
    page.locator("#walk").get_by_role("button", name="Close").click()
    assert page.locator(tile).evaluate_all(f"(all) => all.map({pixels})") == before
    page.click("#draw-clear")  # what is drawn has no known truth
    until(lambda: page.evaluate("!playground.images.stored || playground.images.turns.shown > 1"))
    step.click()
    until(lambda: "not known" in page.inner_text("#status"))


def test_no_slow_answer_overtakes_a_newer_one(visit):
    """Of images that are made faster than they are answered, the last one is shown in the end."""
    page = visit("tab=images")
    found = page.evaluate(
        """import('/turns.js').then(({ Turns }) => {
            const turns = new Turns(), sent = [], ready = (n) => turns.offer(n, () => sent.push(n));
            const [first, second, third, fourth] = [1, 2, 3, 4].map(() => turns.next());
            ready(first); ready(third); ready(second); ready(fourth);
            const shown = [turns.arrived(first), turns.arrived(fourth), turns.arrived(second)];
            return { sent, shown };
        })"""
    )
    assert found == {"sent": [1, 4], "shown": [True, True, False]}
    page.uncheck("#framed")
    page.evaluate(
        """() => {
            const { images } = playground, { drawing } = images;
            drawing.clear();
            for (let i = 0; i < 12; i++) {
                drawing.stroke([20 * i, 40], [20 * i + 20, 40]);
                drawing.tell();
            }
        }"""
    )
    until(
        lambda: page.evaluate(
            "playground.images.turns.shown === playground.images.turns.newest"
            " && playground.images.seen.arrays.image[4 * 28 + 22] > 200"
        )
    )


def test_an_answer_that_lies_in_the_image(masks, browser, serious):
    """A run of masks: its validation images, the mask over the one, and a pixel of it."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{masks}/#tab=images")
    ready(page, "images")
    until(lambda: page.locator(".case").count() > 1)
    until(lambda: page.get_attribute(".case", "aria-pressed") == "true")
    assert "IoU" in page.inner_text(".case")
    page.click(".case >> nth=1")
    until(lambda: page.get_attribute(".case >> nth=1", "aria-pressed") == "true")
    assert not page.is_visible("#drawing")
    marks = page.locator(".stack canvas").last
    marks.scroll_into_view_if_needed()
    box = marks.bounding_box()
    marks.hover(position={"x": box["width"] * 0.51, "y": box["height"] * 0.26})
    until(lambda: "column 15, line 6" in page.inner_text(".pixel"))
    assert "Class of this pixel" in page.inner_text(".pixel")
    assert page.locator(".pixel tbody tr").count() == 2
    assert "This depends on" in page.inner_text(".pixel")
    marks.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowDown")
    until(lambda: "column 25, line 7" in page.inner_text(".pixel"))
    page.check("text=Show what is true instead")
    assert page.locator(".stack canvas").nth(2).is_visible()
    assert serious(page) == []
    assert complaints == []
    page.close()


def test_maps_answer_after_an_error_and_after_a_lost_connection(visit):
    page = visit("tab=images")
    questions = (
        "[0, 1].map((row) => images.layers.ask(0, 0, row, 0, document.querySelector('.map-tile')))"
    )
    page.evaluate(
        """() => {
            const { images } = playground, [layer] = images.network.layers, { height } = layer;
            layer.height = 1000;
            images.layers.ask(0, 0, 999, 0, document.querySelector('.map-tile'));
            layer.height = height;
        }"""
    )
    until(lambda: "there is no row 999" in page.inner_text("#status"))
    page.hover("#layer-list > :nth-child(1) .map-tile:nth-child(2)")
    until(lambda: "map 2" in page.inner_text("#why"))
    page.mouse.move(5, 5)
    page.evaluate(
        f"() => {{ const {{ images }} = playground; {questions}; images.socket.socket.close() }}"
    )
    until(lambda: "Point at a map" in page.inner_text("#why"))  # it is open again
    page.hover("#layer-list > :nth-child(1) .map-tile:nth-child(3)")
    until(lambda: "map 3" in page.inner_text("#why"))


def test_first_filters_are_enlarged(visit):
    page = visit("tab=images")
    assert page.locator("#filters .map-tile").count() == 6
    page.hover("#filters .map-tile:nth-child(3)")
    until(lambda: "Filter 3 of 6: 3 × 3 weights" in page.inner_text("#filter-panel figcaption"))
    small, large = "#filters .map-tile:nth-child(3) canvas", "#filter-panel figure canvas"
    pixels = "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 3, 3).data]"
    assert page.eval_on_selector(small, pixels) == page.eval_on_selector(large, pixels)
    boxes = [page.locator(selector).bounding_box()["width"] for selector in (small, large)]
    assert boxes[1] > 2 * boxes[0]
    page.focus("#filters .map-tile:nth-child(1)")
    page.keyboard.press("ArrowRight")
    until(lambda: "Filter 2 of 6" in page.inner_text("#filter-panel figcaption"))


def test_a_digit_is_chosen_in_the_cloud(visit):
    page = visit("tab=images")
    until(lambda: "360 held-out digits" in page.inner_text("#cloud-text"))
    here = "[...playground.images.cloud.message.arrays.here]"
    places = "[...playground.images.cloud.message.arrays.places]"
    page.focus("#cloud")
    page.keyboard.press("ArrowRight")
    # The second digit of the held-out ones is shown, and lies where it lies among them.
    until(lambda: np.allclose(page.evaluate(here), page.evaluate(places)[2:4], atol=1e-3))
    box = page.locator("#cloud").bounding_box()
    x, y = page.evaluate(
        "playground.images.cloud.place(playground.images.cloud.message.arrays.places, 7)"
    )
    scale = box["width"] / page.evaluate("playground.images.cloud.canvas.width")
    page.locator("#cloud").click(position={"x": x * scale, "y": y * scale})
    until(lambda: np.allclose(page.evaluate(here), page.evaluate(places)[14:16], atol=1e-3))


def test_the_linear_classifier_shows_its_templates(visit):
    page = visit("tab=images")
    page.select_option("#network-name", "linear")
    page.wait_for_selector("#templates canvas", timeout=90_000)
    page.reload()  # the address names the network
    page.wait_for_selector("#templates canvas", timeout=90_000)
    assert page.locator("#templates canvas").count() == 10
    assert "UCI" in page.inner_text("#origin")
    before = page.inner_text("#templates")
    page.click("#draw-example")
    until(lambda: page.inner_text("#templates") != before)


# Viénot, Brettel and Mollon (1999) for protan and deutan, Machado et al. (2009) for tritan eyes.
BLINDNESS = {
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "tritan": [
        [1.25553, -0.07675, -0.17878],
        [-0.07841, 0.93081, 0.1476],
        [0.00473, 0.69137, 0.3039],
    ],
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_palette_can_be_told_apart(visit, theme):
    """Both ends and the middle stay far from each other for color-blind eyes (ΔE of 1976)."""
    page = visit(color_scheme=theme)
    found = page.evaluate(
        "import('/palette.js').then((p) => [-1, 0, 1].map((v) => p.colorOf(v).match(/\\d+/g)))"
    )
    srgb = np.array(found, float) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    for matrix in ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], *BLINDNESS.values()):
        seen = (linear @ np.array(matrix).T).clip(0, 1).astype(np.float32)
        lab = cv2.cvtColor(seen[None], cv2.COLOR_LRGB2Lab)[0]
        low, middle, high = lab
        assert np.linalg.norm(low - high) > 40
        assert np.linalg.norm(low - middle) > 20
        assert np.linalg.norm(high - middle) > 20


def test_the_parts_that_can_be_hidden_are_documented(visit):
    page = visit()
    parts = set(
        page.eval_on_selector_all("[data-part]", "(all) => all.map((part) => part.dataset.part)")
    )
    text = (Path(__file__).parents[2] / "docs" / "playground.md").read_text(encoding="utf-8")
    table = text.partition("| where | names |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == parts
