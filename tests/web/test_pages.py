"""The pages of `inspect` and `search` in a browser: nothing overflows, nothing is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitreous.cli.main import run
from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A network with branches, and what was found among images with long names."""
    place = tmp_path_factory.mktemp("pages")
    random = np.random.default_rng(0)
    long = "Dichlorodiphenyltrichloroethane_specimen_without_any_space_2026"
    for name in (long, "short"):
        folder = place / "photos" / name
        folder.mkdir(parents=True)
        for number in range(6):
            pixels = random.integers(0, 255, (90, 70, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{long}_{number}.png")
    arguments = {"num_classes": 2, "in_channels": 3, "size": 12}
    model = Bundle(
        model=create("linear", **arguments).eval(),
        architecture="linear",
        arguments=arguments,
        task=Classify(classes=("a", "b")),
        contract=PixelContract(height=12, width=12, channels=3),
    ).save(place / "model.safetensors")
    query = place / "photos" / long / f"{long}_0.png"
    found = place / "found.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITREOUS_CACHE", str(place / "cache"))
        searched = ["search", model, place / "photos", query, "--out", found, "--quiet"]
        assert run([str(word) for word in searched]) == 0
    network = place / "network.html"
    assert run(["inspect", "googlenet", "--size", "64", "--out", str(network)]) == 0
    return {"network": network, "found": found}


@pytest.mark.parametrize("name", ["network", "found"])
@pytest.mark.parametrize("width", [360, 760, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_is_quiet_and_asks_for_nothing(
    browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[name].as_uri())
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    unseen = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    page.close()
    assert overflow <= 0
    assert not said
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()]
    assert unseen == 0


def test_the_graph_is_drawn_in_the_colors_of_the_page(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(pages["network"].as_uri())
    color = page.evaluate(
        "getComputedStyle(document.querySelector('.vitreous-graph .heading')).fill"
    )
    drawn = page.evaluate("document.querySelectorAll('.vitreous-graph .card').length")
    blocks = page.evaluate("document.querySelectorAll('.stage .block').length")
    page.close()
    assert drawn > 10
    assert blocks > 10
    assert min(map(int, color.removeprefix("rgb(").removesuffix(")").split(","))) > 200


@pytest.mark.parametrize(("name", "scheme"), [("network", "light"), ("found", "dark")])
def test_axe_finds_nothing_serious(
    browser: Any, serious: Any, pages: dict[str, Path], name: str, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page.goto(pages[name].as_uri())
    found = serious(page)
    page.close()
    assert found == []
