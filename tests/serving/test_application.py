"""What a server answers: the same as `vitreous predict`, whichever way an image is sent."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.cli.main import run as command
from vitreous.data.images.decode import Source
from vitreous.errors import ImageError
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.ready import Ready


def test_awkward_images_are_the_same_pixels_and_probabilities(
    model: Path,
    serve: Any,
    awkward: list[tuple[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Against `vitreous predict --json` of the same file, as it is printed; and what the network
    was shown, against what the contract makes of the file.
    """
    seen: list[str] = []
    original = Bundle.ready

    def ready(self: Bundle, source: Source) -> Ready:
        found = original(self, source)
        seen.append(hashlib.sha256(found.pixels.tobytes()).hexdigest())
        return found

    client, bundle = serve(), load(model)
    for name, content in awkward[::4]:
        (tmp_path / name).write_bytes(content)
        with monkeypatch.context() as patch:
            patch.setattr(Bundle, "ready", ready)
            seen.clear()
            response = client.post("/predict", files={"image": (name, content)})
        row = bundle.contract.load(tmp_path / name)
        assert seen == [hashlib.sha256(row.tobytes()).hexdigest()], name
        command(["predict", str(model), str(tmp_path / name), "--json", "--quiet"])
        printed = json.loads(capsys.readouterr().out)
        printed["predictions"][0]["path"] = name
        printed["notes"] = [
            note.replace(str(tmp_path / name), name) for note in printed.get("notes", [])
        ]
        answered = response.json()
        assert answered.pop("model") == "insects"
        answered.setdefault("notes", [])
        assert answered == printed, name
    assert len({hashlib.sha256(content).digest() for _, content in awkward[::4]}) == 50


def test_the_ways_to_send_an_image(serve: Any, png: Any) -> None:
    client, one, two = serve(), png(1), png(2)
    text = base64.b64encode(one).decode()
    form = client.post("/predict", files=[("a", ("1.png", one)), ("b", ("2.png", two))]).json()
    assert [each["path"] for each in form["predictions"]] == ["1.png", "2.png"]
    alone = form["predictions"][0]

    def same(response: Any, path: str = "image") -> None:
        assert response.status_code == 200, response.text
        (found,) = response.json()["predictions"]
        assert found["path"] == path
        assert found["label"] == alone["label"]
        assert found["score"] == pytest.approx(alone["score"], abs=1e-6)

    same(client.post("/predict", content=one))
    same(client.post("/predict", content=one, headers={"content-type": "image/png"}))
    # What curl --data-binary says of anything.
    kind = {"content-type": "application/x-www-form-urlencoded"}
    same(client.post("/predict", content=one, headers=kind))
    same(client.post("/predict", json={"image": text}), "image 1")
    same(client.post("/predict", json={"image": f"data:image/png;base64,{text}"}), "image 1")
    same(client.post("/predict", json={"images": [{"name": "x.png", "data": text}]}), "x.png")
    unsaid = json.dumps({"image": text}).encode()  # what curl -d sends, with a form's content type
    same(client.post("/predict", content=unsaid, headers=kind), "image 1")


def test_many_requests_go_together(serve: Any, png: Any, model: Path) -> None:
    client = serve(batch=8)
    files = [("image", (f"{k}.png", png(k))) for k in range(20)]
    answers = client.post("/predict", files=files).json()["predictions"]
    expected = load(model).predict([png(k) for k in range(20)], top=3)
    for answer, other in zip(answers, expected, strict=True):
        assert answer["label"] == other.label
        assert answer["score"] == pytest.approx(other.score, abs=1e-6)
    text = client.get("/metrics").text
    assert 'vitreous_images_total{model="insects"} 20' in text
    (batches,) = [line for line in text.splitlines() if line.startswith("vitreous_batch_images_co")]
    assert 3 <= int(batches.split()[-1]) < 20


def test_an_image_that_cannot_be_read_does_not_spoil_the_others(serve: Any, png: Any) -> None:
    files = [("a", ("good.png", png())), ("b", ("cut.png", png()[:200])), ("c", ("x.txt", b"hi"))]
    found = serve().post("/predict", files=files)
    assert found.status_code == 200
    assert [each["path"] for each in found.json()["predictions"]] == ["good.png"]
    assert [each["path"] for each in found.json()["errors"]] == ["cut.png", "x.txt"]
    assert all(each["message"] and each["remedy"] for each in found.json()["errors"])


def test_several_models(serve: Any, tmp_path: Path, model: Path, classifier: Any, png: Any) -> None:
    other = classifier(seed=5).save(tmp_path / "others.safetensors")
    client = serve(model, other)
    listed = client.get("/models").json()["models"]
    assert [one["name"] for one in listed] == ["insects", "others"]
    assert listed[0]["classes"] == ["ant", "bee", "cat"]
    assert listed[0]["contract"]["height"] == 24
    assert client.get("/health/ready").json()["models"] == ["insects", "others"]
    for name, path in (("insects", model), ("others", other)):
        (found,) = client.post(f"/predict?model={name}", content=png()).json()["predictions"]
        assert found["score"] == pytest.approx(load(path).predict(png()).score, abs=1e-6)
    wrong = client.post("/predict?model=other", content=png())
    assert wrong.status_code == 422
    assert wrong.json()["error"]["remedy"] == "Did you mean others?"


def test_evidence(serve: Any, png: Any, model: Path) -> None:
    photo = png(1, (640, 400), "JPEG")  # large enough to be decoded at a smaller scale
    found = serve().post("/explain?method=saliency&target=bee", files={"a": ("x.jpg", photo)})
    (each,) = found.json()["explanations"]
    expected = load(model).explain(photo, method="saliency", target="bee")
    assert each["peak"] == [*expected.peak]
    assert each["target"] == "bee"
    assert base64.b64decode(each["overlay"].partition(",")[2]) == expected.png()


def test_a_setting_that_is_not_known_is_no_silence(serve: Any, png: Any) -> None:
    for path, remedy in (
        ("/predict?topp=1", "Did you mean top?"),
        ("/explain?x=1", "Known: method"),
    ):
        found = serve().post(path, content=png())
        assert found.status_code == 422
        assert found.json()["error"]["remedy"].startswith(remedy)


def test_images_keep_their_own_size_where_the_network_does(
    serve: Any, tmp_path: Path, png: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that answers in the image's own size, also where that is put together of tiles."""
    import vitreous as vt
    from vitreous.data.formats.arrays import ArrayDataset
    from vitreous.data.maps import Maps
    from vitreous.inference import predictor

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)
    clean = Maps(np.float32(images / 255), interpolation="linear", channels=3)
    data = ArrayDataset("noise", images, {"clean": clean})
    run = vt.train(data, out=tmp_path / "clean", epochs=1, seed=1, fit="native")
    assert run.model.keeps_size
    client, picture = serve(tmp_path / "clean"), png(3, (41, 33))
    for most in (1 << 20, 1000):
        monkeypatch.setattr(predictor, "WHOLE", most)
        found = client.post("/predict?files=true", content=picture).json()["predictions"][0]
        expected = run.model.predict(picture)
        assert base64.b64decode(found["png"]) == expected.png()


def test_schema_page_and_health(serve: Any) -> None:
    client = serve()
    page = client.get("/")
    assert "Drop a picture" in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "")  # nothing from elsewhere
    for name in ("drop.js", "drop.css", "colors.css"):
        assert client.get(f"/{name}").status_code == 200
    assert client.get("/health/live").json() == {"status": "alive"}
    schema = client.get("/openapi.json").json()
    post = schema["paths"]["/predict"]["post"]
    assert {*post["requestBody"]["content"]} == {
        "multipart/form-data", "image/*", "application/json",
    }  # fmt: skip
    assert {"200", "413", "415", "429", "503", "504"} <= {*post["responses"]}
    assert {each["name"] for each in post["parameters"]} >= {"model", "top", "reject", "draw"}
    example = post["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/predict", json=example).status_code == 200


def test_a_bundle_decides_as_it_predicts(model: Path, png: Any) -> None:
    bundle = load(model)
    ready = [bundle.ready(png(k)) for k in range(5)]
    told = bundle.decided(ready, top=2)
    assert [answer for answer, _ in told] == bundle.predict([png(k) for k in range(5)], top=2)
    with pytest.raises(ImageError):
        bundle.ready(b"no image")
