from __future__ import annotations

import json
import os
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from vitreous.data.cache import file_cache
from vitreous.data.check import scan as survey
from vitreous.data.check.check import check
from vitreous.data.check.data_findings import Finding, Findings
from vitreous.data.check.view import these
from vitreous.data.formats import image_files as files
from vitreous.data.formats.arrays import digits


def scene(seed, size=(48, 40)):
    draw = np.random.default_rng(seed)
    image = np.zeros((size[1], size[0], 3), np.float32)
    for level in range(1, 5):
        rough = draw.normal(size=(2 * 2**level, 2 * 2**level, 3)).astype(np.float32)
        image += cv2.resize(rough, size, interpolation=cv2.INTER_CUBIC) / 2**level
    return Image.fromarray(np.clip(image * 60 + 128, 0, 255).astype(np.uint8))


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three classes of 30 different pictures."""
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "photos"
    for label, name in enumerate(("cat", "dog", "owl")):
        (root / name).mkdir(parents=True)
        for number in range(30):
            scene(1000 * label + number).save(root / name / f"{number}.png")
    return root


def kinds(findings):
    return {finding.kind: finding.severity for finding in findings.found}


def test_a_sound_set(photos):
    calls = []
    findings = check(photos, progress=lambda done, total: calls.append((done, total)))
    assert kinds(findings) == {"memory": "note"}
    assert not findings.fatal
    assert findings.classes == {"cat": 30, "dog": 30, "owl": 30}
    assert sum(findings.parts.values()) == 90
    assert calls[-1] == (90, 90)
    assert findings.text().endswith("Nothing would spoil training.")
    assert "on disk" in findings.of("memory").message
    assert "506.2\u202fKiB decoded" in findings.of("memory").message  # 90 x 48 x 40 x 3 bytes


def test_digits_are_sound():
    findings = check("digits")
    assert kinds(findings) == {"memory": "note"}


def test_damaged_files_are_named(photos):
    (photos / "cat/3.png").write_bytes(b"<html>not found</html>")
    (photos / "dog/4.png").write_bytes((photos / "dog/4.png").read_bytes()[:500])
    (photos / "owl/gone.jpg").symlink_to(photos / "nowhere.jpg")
    (photos / "owl/5.png").write_bytes(b"")
    findings = check(photos)
    damaged = findings.of("damaged")
    assert len(damaged.examples) == 4
    assert "cat/3.png: is a web page (HTML)" in damaged.examples
    assert any(line.startswith("dog/4.png: ") for line in damaged.examples)
    assert "owl/5.png: the file is empty" in damaged.examples
    assert "owl/gone.jpg: is a link to a file that does not exist" in damaged.examples
    assert findings.fatal  # 4 of 91 are more than one in a hundred
    assert findings.classes["owl"] == 29


def test_what_helps_is_said_of_each_kind_of_damage(photos):
    for number in range(6):
        (photos / f"cat/{number}.png").write_bytes(b"PK\3\4" + bytes(60))
    (photos / "owl/5.png").write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
    damaged = check(photos).of("damaged")
    assert "Unpack the archive first. (6 images)" in damaged.remedy
    assert "Convert it to JPEG or PNG. (1 image)" in damaged.remedy
    assert "--bad-images skip" in damaged.remedy
    # An example of each kind is among those that are shown.
    assert damaged.examples[:2] == ("cat/0.png: is a zip archive", "owl/5.png: is a HEIC photo")


def test_copies_and_contradictions(photos):
    shutil.copy(photos / "cat/1.png", photos / "cat/copy.png")
    shutil.copy(photos / "cat/2.png", photos / "dog/2 again.png")
    findings = check(photos)
    assert kinds(findings) == {"conflict": "error", "duplicates": "warning", "memory": "note"}
    assert findings.of("conflict").examples == ("cat/2.png = dog/2 again.png (cat, dog)",)
    assert set(findings.of("duplicates").examples) == {
        "cat/1.png = cat/copy.png",
        "cat/2.png = dog/2 again.png",
    }


def parted(photos):
    """The same photos under train/ and test/."""
    for name in ("cat", "dog", "owl"):
        for part, numbers in (("train", range(24)), ("test", range(24, 30))):
            (photos / part / name).mkdir(parents=True)
            for number in numbers:
                (photos / name / f"{number}.png").rename(photos / part / name / f"{number}.png")
        (photos / name).rmdir()
    return photos


def test_leaks(photos):
    root = parted(photos)
    shutil.copy(root / "train/cat/1.png", root / "test/cat/same.png")
    findings = check(root)
    assert findings.fatal
    assert findings.of("leak").examples == ("train/cat/1.png = test/cat/same.png",)


def test_near_leaks(photos):
    root = parted(photos)
    for number in (1, 2, 3):
        picture = Image.open(root / f"train/cat/{number}.png")
        picture.resize((60, 50), Image.Resampling.LANCZOS).save(
            root / f"test/cat/again {number}.jpg", quality=70
        )
    Image.open(root / "train/dog/9.png").save(root / "train/owl/9 again.jpg", quality=60)
    findings = check(root)
    assert findings.of("near leak").severity == "error"  # 3 of 21
    assert set(findings.of("near leak").examples) >= {
        f"train/cat/{number}.png = test/cat/again {number}.jpg" for number in (1, 2, 3)
    }
    assert findings.of("near conflict").examples == (
        "train/dog/9.png = train/owl/9 again.jpg (dog, owl)",
    )
    assert len(findings.of("near duplicates").examples) == 4
    assert findings.of("duplicates") is None


def test_frames_of_a_film_with_masks_that_follow_contradict_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    for folder in ("images", "masks"):
        (tmp_path / "film" / folder).mkdir(parents=True)
    long = np.asarray(scene(3, (60, 40)))
    for number in range(20):
        mask = np.zeros((40, 48), np.uint8)
        if number < 2:  # two frames, a pixel apart, with a thing that moves along
            image = Image.fromarray(long[:, number : number + 48])
            mask[10:30, 20 - number : 40 - number] = 1
        else:
            image = scene(number)
            mask[number : number + 12, 5:20] = 1
        image.save(tmp_path / f"film/images/{number}.png")
        Image.fromarray(mask).save(tmp_path / f"film/masks/{number}.png")
    found = check(tmp_path / "film")
    pair = ("images/0.png = images/1.png",)
    assert found.of("near duplicates").examples == pair
    assert found.of("near conflict") is None
    Image.fromarray(np.ones((40, 48), np.uint8)).save(tmp_path / "film/masks/1.png")
    (clash,) = check(tmp_path / "film").of("near conflict").examples
    assert clash.startswith(pair[0])


def test_classes(photos):
    for number in range(27):
        (photos / f"owl/{number}.png").unlink()
    (photos / "empty").mkdir()
    scene(77).save(photos / "Cat.png")
    shutil.copytree(photos / "dog", photos / "Dog")
    for number in range(30):
        scene(5000 + number).save(photos / f"Dog/{number}.png")
    findings = check(photos)
    found = kinds(findings)
    assert found["few"] == "warning"
    assert findings.of("few").examples == ("owl: 3",)
    assert found["imbalance"] == "warning"
    assert findings.of("imbalance").examples[1] == "owl: 1"
    notes = {f.message: f.severity for f in findings.found}
    assert notes["classes that differ by case alone: Dog, dog"] == "warning"
    assert notes["no images in empty/"] == "warning"
    assert any("in no class folder" in note for note in notes)


def test_classes_that_are_missing_somewhere(photos):
    root = parted(photos)
    (root / "val").mkdir()
    shutil.rmtree(root / "test/owl")
    (root / "test/cow").mkdir()
    scene(1).save(root / "test/cow/1.png")
    (root / "val/cat").mkdir()
    scene(2).save(root / "val/cat/1.png")
    findings = check(root)
    assert findings.of("missing in train").severity == "error"
    assert findings.of("missing in train").examples == ("cow",)
    assert findings.of("missing in test").examples == ("owl",)
    assert set(findings.of("missing in validation").examples) == {"dog", "owl"}


def test_one_class(tmp_path):
    (tmp_path / "only").mkdir()
    scene(1).save(tmp_path / "only/1.png")
    findings = check(tmp_path)
    assert findings.of("classes").message == "there is only one class, 'only'"
    assert findings.fatal


def test_odd_pictures(photos):
    Image.new("RGB", (40, 40), "red").save(photos / "cat/red.png")
    Image.new("RGB", (300, 40)).save(photos / "cat/strip.png")
    scene(900, (200, 20)).save(photos / "dog/strip.png")
    scene(901, (5, 4)).save(photos / "dog/tiny.png")
    dim = np.random.default_rng(0).integers(0, 4096, (40, 40)).astype(np.uint16)
    Image.fromarray(dim).save(photos / "owl/dim.png")
    scene(902).convert("CMYK").save(photos / "owl/ink.jpg")
    findings = check(photos)
    assert set(findings.of("constant").examples) == {"cat/red.png", "cat/strip.png"}
    assert set(findings.of("long").examples) == {"cat/strip.png", "dog/strip.png"}
    assert findings.of("tiny").examples == ("dog/tiny.png",)
    assert findings.of("shades").examples == ("owl/dim.png",)
    modes = set(findings.of("modes").examples)
    assert any(mode.startswith("1 JPEG CMYK: owl/ink.jpg") for mode in modes)
    assert any(mode.startswith("1 PNG I;16: ") for mode in modes)
    assert "heights from 4 to 40 pixels (median 40)" in findings.of("sizes").message


def test_many_labels(tmp_path, photos):
    rows = [f"photos/cat/{n}.png,{int(n < 15)},{int(n % 2 and n < 29)}" for n in range(30)]
    shutil.copy(photos / "cat/1.png", photos / "cat/copy.png")
    rows.append("photos/cat/copy.png,0,1")
    (tmp_path / "labels.csv").write_text("\n".join(["path,sunny,wet", *rows]))
    findings = check(tmp_path / "labels.csv")
    assert findings.classes == {"sunny": 15, "wet": 15}
    assert findings.of("conflict").examples == (
        "photos/cat/1.png = photos/cat/copy.png (sunny+wet, wet)",
    )
    assert "have no label at all" in findings.of("unlabeled").message


def test_json_and_text(photos):
    shutil.copy(photos / "cat/2.png", photos / "dog/2 again.png")
    findings = check(photos)
    told = json.loads(json.dumps(findings.to_json()))
    assert told["fatal"] is True
    assert (told["data"], told["images"]) == ("photos", 91)
    assert told["findings"][0]["kind"] == "conflict"
    assert set(told["findings"][0]) == {"severity", "kind", "message", "examples", "remedy"}
    text = findings.text()
    assert text.splitlines()[0].startswith("photos: 91 images, 3 classes; ")
    assert text.endswith("1 problem would spoil training.")


def test_long_lists_are_cut_in_text_alone():
    many = Finding("warning", "damaged", "many", tuple("abcdefg"), "Do it.")
    assert many.text().splitlines()[-2:] == ["    … and 2 more", "  → Do it."]
    findings = Findings("x", 7, {"a": 7}, {"train": 7}, (many,))
    assert findings.to_json()["findings"][0]["examples"] == list("abcdefg")
    assert findings.text().endswith("Nothing would spoil training; 1 warning.")


def test_arrays_are_looked_at_as_well():
    data = digits()
    data.pixels = data.pixels.copy()
    data.pixels[5] = data.pixels[4]
    findings = check(data)
    assert findings.of("duplicates").examples == ("image/4 = image/5",)
    assert findings.of("conflict").severity == "warning"


def test_an_unchanged_folder_is_not_decoded_again(photos, monkeypatch):
    """Neither to look at each image, nor to compare those that look the same."""
    image = Image.open(photos / "cat/1.png")
    image.resize((46, 40)).save(photos / "dog/like cat 1.png")
    (photos / "cat/3.png").write_bytes(b"<html>not found</html>")
    monkeypatch.setattr(file_cache, "MIN_AGE", -1)  # so that files count as old
    decoded = []
    for module in (survey, files):
        original = module.decode

        def decode(source, *, where=None, original=original, **options):
            decoded.append(where or os.path.relpath(source, photos))
            return original(source, where=where, **options)

        monkeypatch.setattr(module, "decode", decode)
    first = check(photos)
    assert len(decoded) >= 91 + 2 - 1  # the look-alikes twice, the web page not at all
    assert first.of("near duplicates")
    decoded.clear()
    assert check(photos) == first
    assert decoded == []
    scene(5000).save(photos / "owl/7.png")
    again = check(photos)
    assert len(decoded) == 1
    assert decoded[0].endswith("owl/7.png")
    assert again.images == first.images


@pytest.mark.parametrize(
    ("count", "sentence"), [(1, "1 image looks alike"), (2, "2 images look alike")]
)
def test_verbs_follow_their_number(count, sentence):
    assert these(count, "image", "looks", "look") + " alike" == sentence


def test_one_copy_is_one_image(photos):
    (photos / "cat/copy.png").write_bytes((photos / "cat/0.png").read_bytes())
    message = check(photos).of("duplicates").message
    assert message == "1 image is an exact copy of another"
    (photos / "cat/again.png").write_bytes((photos / "cat/1.png").read_bytes())
    assert check(photos).of("duplicates").message == "2 images are exact copies of others"


# Other targets than classes


def masked(root, masks):
    for number, mask in enumerate(masks):
        for place in ("images", "masks"):
            (root / place).mkdir(parents=True, exist_ok=True)
        height, width = mask.shape[:2]
        scene(number, (width, height)).save(root / f"images/{number}.png")
        Image.fromarray(mask).save(root / f"masks/{number}.png")
    (root / "classes.txt").write_text("sky\ntree\nroad\n")
    return root


def test_masks(tmp_path, monkeypatch):
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    masks = [np.zeros((20, 24), np.uint8) for _ in range(40)]
    for number, mask in enumerate(masks):
        mask[:10] = 1
        mask[0] = 255
        if number % 2:
            mask[15:, :6] = 2
    masks[0][:] = 0
    masks[2][:] = 255
    root = masked(tmp_path / "set", masks)
    findings = check(root)
    assert findings.classes == {"sky": 39, "tree": 38, "road": 20}
    pixels = findings.of("pixels")
    counts = np.bincount(np.concatenate(masks).ravel(), minlength=256)
    shares = {"sky": 0, "tree": 1, "road": 2, "ignored": 255}
    expected = [
        f"{value} → {name}: {100 * counts[value] / counts.sum():.2f}\u202f%"
        for name, value in shares.items()
    ]
    assert sorted(pixels.examples) == sorted(expected)
    assert pixels.examples[0].startswith("0 → sky")
    assert findings.of("empty masks").examples == ("images/0.png",)
    assert findings.of("ignored masks").examples == ("images/2.png",)
    assert not findings.fatal

    (root / "masks/3.png").write_bytes(b"")
    Image.fromarray(masks[4].T.copy()).save(root / "masks/4.png")  # may be a turned photo's
    Image.fromarray(masks[5][:9]).save(root / "masks/5.png")
    Image.fromarray(masks[6] + np.uint8(5)).save(root / "masks/6.png")
    findings = check(root)
    assert findings.of("damaged masks").examples == ("images/3.png",)
    assert findings.of("mask sizes").examples == ("images/5.png",)
    assert findings.of("mask values").examples == ("images/6.png",)
    assert findings.fatal


def test_a_class_that_no_training_mask_shows(tmp_path, monkeypatch):
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    root = masked(tmp_path / "set", [np.tile(np.uint8([0, 1]), (20, 10)) for _ in range(12)])
    findings = check(root)
    assert findings.of("missing in train").examples == ("road",)


def test_numbers():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, 40, 40, 1), np.uint8)
    values = np.stack([random.normal(size=30), np.full(30, 2.5)], axis=1)
    findings = check((images, values))
    assert findings.classes == {}
    assert findings.of("constant number").message == "'value 1' is 2.5 for every image"
    assert not findings.fatal
    assert "classes" not in findings.text()
    copied = check((np.concatenate([images, images[:1]]), np.append(values[:, 0], 9.0)))
    assert copied.of("conflict").examples == (f"image/0 = image/30 ({values[0, 0]:.6g}, 9)",)


def test_unlabeled_images():
    images = np.random.default_rng(0).integers(0, 256, (30, 40, 40, 1), np.uint8)
    findings = check((np.concatenate([images, images[:2]]), None))
    assert findings.classes == {}
    assert kinds(findings).keys() == {"unlabeled", "duplicates", "memory"}
    assert findings.of("unlabeled").severity == "error"
    assert sum(findings.parts.values()) == 32


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ([0, 255], {"0 → background: 50.00\u202f%", "255 → foreground: 50.00\u202f%"}),
        (
            [0, 40, 80, 255],
            {
                "0: 25.00\u202f%",
                "40: 25.00\u202f%",
                "80: 25.00\u202f%",
                "255 → ignored: 25.00\u202f%",
            },
        ),
    ],
)
def test_the_values_of_masks_and_what_they_are_taken_for(tmp_path, values, lines):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(30):
        scene(number, (len(values), 8)).save(tmp_path / f"images/{number}.png")
        mask = np.tile(np.array(values, np.uint8), (8, 1))
        Image.fromarray(mask).save(tmp_path / f"masks/{number}.png")
    assert {*check(tmp_path).of("pixels").examples} == lines


def test_a_box_that_stands_there_twice(tmp_path):
    rows = ["path,box"]
    for number in range(30):
        scene(number).save(tmp_path / f"{number}.png")
        twice = "; 1 1 9 9 cat" * (number == 3)
        rows.append(f"{number}.png,1 1 9 9 cat; 1 1 9 9 dog{twice}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    finding = check(tmp_path / "list.csv").of("twin boxes")
    assert finding.severity == "warning"
    assert finding.message.startswith("1 box stands there a second time")
    assert finding.examples == ("3.png",)


def test_images_without_labels_cannot_be_learned_from(tmp_path):
    (tmp_path / "list.csv").write_text("path\n" + "".join(f"{n}.png\n" for n in range(8)))
    for number in range(8):
        Image.new("RGB", (6, 6), (number * 20, 0, 0)).save(tmp_path / f"{number}.png")
    found = check(str(tmp_path / "list.csv"))
    finding = found.of("unlabeled")
    assert finding.severity == "error"
    assert "no task learns from these alone" in finding.message
    assert found.fatal


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([-999, 1.5, 2, 3, 4.5, 5], "odd number"),
        ([9999, 1.5, 2, 3, 4.5, 5], "odd number"),
        ([-1, 500.5, 600, 700, 800, 650], "odd number"),
        ([-1, 1.5, 2, 3, 4.5, 5], None),
        ([999, 1.5, 2000, 300, 450, 5], None),
        ([1, -1, 1, -1, 1, -1], "two numbers"),
        ([0.1, 0.9, 0.1, 0.9, 0.9, 0.9], "two numbers"),
    ],
)
def test_numbers_that_stand_for_something_else(numbers, kind):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), np.uint8)
    found = kinds(check((images, np.array(numbers, float))))
    assert {"odd number", "two numbers"} & found.keys() == ({kind} if kind else set())


def test_places_beyond_the_edges(tmp_path):
    for number in range(4):
        Image.new("RGB", (20, 10), (number * 20, 0, 0)).save(tmp_path / f"{number}.png")
    rows = ["path,box", "0.png,0 0 20 10", "1.png,2 2 19 11", "2.png,5 5 40 9", "3.png,"]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    finding = check(str(tmp_path / "list.csv")).of("outside")
    assert finding.examples == ("2.png",)
    assert finding.severity == "error"
