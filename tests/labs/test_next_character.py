"""A transformer that learns to read."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torch.testing import assert_close

from vitreous.cli.main import run
from vitreous.errors import UsageError
from vitreous.labs import experiments as table
from vitreous.labs import next_character as language
from vitreous.labs.book import Book, alice, book
from vitreous.labs.writing import Writing
from vitreous.models.language import LanguageTransformer


@pytest.fixture(scope="module")
def fable() -> Book:
    return book(alice()[:3000])


@pytest.fixture
def model(fable: Book) -> LanguageTransformer:
    torch.manual_seed(0)
    return language.reader(fable, context=16, width=32, depth=2)


def test_it_beats_the_entropy_of_pairs_on_chapters_that_it_never_saw() -> None:
    novel = book()
    torch.manual_seed(0)
    model = language.reader(novel, width=64)
    *_, last = language.learn(model, novel, steps=220, every=220)
    bars = language.bars(novel)
    assert bars.entropy < bars.bigram < bars.unigram
    assert last.held_out is not None
    assert last.held_out < bars.entropy - 0.3
    assert last.held_out == language.bits(model, novel.tokens, novel.start)


def test_the_bars_are_those_of_the_held_out_part() -> None:
    """With letters and their pairs counted by str and dict."""
    novel, text = book(), alice()
    begin, kinds = novel.start, len(set(text))
    train, rest = text[:begin], range(begin, len(text))
    one = {letter: (train.count(letter) + 1) / (begin + kinds) for letter in set(text)}
    seen: dict[str, dict[str, int]] = {letter: {} for letter in set(text)}
    for a, b in pairwise(train):
        seen[a][b] = seen[a].get(b, 0) + 1

    def chance(a: str, b: str) -> float:
        followers = len(seen[a]) or 1
        return (seen[a].get(b, 0) + followers * one[b]) / (sum(seen[a].values()) + followers)

    bars = language.bars(novel)
    assert bars.unigram == pytest.approx(-sum(math.log2(one[text[i]]) for i in rest) / len(rest))
    assert bars.bigram == pytest.approx(
        -sum(math.log2(chance(text[i - 1], text[i])) for i in rest) / len(rest)
    )


def test_passages_are_of_the_training_part_and_targets_are_one_later(fable: Book) -> None:
    for batch in language.windows(fable.train, 16, 8, 20, seed=0):
        for inputs, targets, place in zip(
            batch.images, batch.targets["next"], batch.ids, strict=True
        ):
            assert torch.equal(inputs, fable.train[place : place + 16])
            assert torch.equal(targets, fable.train[place + 1 : place + 17])


@pytest.mark.parametrize("passages", [2, 64])
def test_each_held_out_character_is_guessed_once(
    model: LanguageTransformer, fable: Book, passages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "PASSAGES", passages)
    nats = []
    for place in range(fable.start, len(fable.tokens)):
        read = 9 + (place - fable.start) % 8  # more than half a context, never more than 16
        logits = model(fable.tokens[None, place - read : place])[0, -1]
        nats.append(F.cross_entropy(logits, fable.tokens[place]))
    expected = torch.stack(nats).mean().item() / math.log(2)
    assert language.bits(model, fable.tokens, fable.start) == pytest.approx(expected, rel=1e-5)


def test_who_knows_nothing_needs_the_bits_of_all_letters(
    model: LanguageTransformer, fable: Book
) -> None:
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.zeros_(model.head.bias)
    measured = language.bits(model, fable.tokens, fable.start)
    assert measured == pytest.approx(math.log2(len(fable.letters)), rel=1e-5)


def test_the_same_seed_learns_the_same(fable: Book) -> None:
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        model = language.reader(fable, context=16, width=32)
        found.append(list(language.learn(model, fable, steps=5, every=2, seed=seed)))
    assert found[0] == found[1] != found[2]
    assert [reading.held_out is not None for reading in found[0]] == [
        False,
        True,
        False,
        True,
        True,
    ]


def test_what_was_written_is_read(model: LanguageTransformer, fable: Book) -> None:
    """Going on in two steps is going on in one: the text so far is all that there is."""
    one = language.go_on(model, fable, Writing("Alice", 40, temperature=0))
    two = language.go_on(model, fable, Writing("Alice", 15, temperature=0))
    assert one.startswith("Alice")
    assert len(one) == 45
    assert language.go_on(model, fable, Writing(two, 25, temperature=0)) == one


def test_the_same_seed_writes_the_same(model: LanguageTransformer, fable: Book) -> None:
    one, same, other = (language.go_on(model, fable, Writing(seed=seed)) for seed in (3, 3, 4))
    assert one == same != other


def test_attention_is_what_the_layers_do(model: LanguageTransformer, fable: Book) -> None:
    text, seen = fable.tokens[:12], []
    for block in model.blocks:
        block.attn.register_forward_pre_hook(lambda attn, x: seen.append(attn.weights(x[0])[0]))
    model(text[None])
    maps = language.attention(model, text)
    assert maps.shape == (2, 1, 12, 12)
    assert_close(maps, torch.stack(seen[:2]))
    assert_close(maps.sum(-1), torch.ones(2, 1, 12))
    assert not maps.triu(1).any()


def test_the_steadiest_head() -> None:
    vague = torch.full((6, 6), 1 / 6)
    before = torch.eye(6).roll(-2, 1).tril()
    before[:2, 0] = 1
    shares, back = language.steady(torch.stack([vague, before]))
    assert torch.equal(shares, before)
    assert back == 2


def test_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "READING_STEPS", 2)
    picture = tmp_path / "read.png"
    words = ["lab", "language", "--prompt", "Off with", "--length", "30", "--temperature", "0"]
    assert run([*words, "--out", str(picture)]) == 0
    said = capsys.readouterr()
    bits = [float(line.split()[-1]) for line in said.out.splitlines()[2:6]]
    assert bits[:3] == pytest.approx([4.577, 3.459, 3.340], abs=5e-4)
    written = said.out[said.out.index("Off with") : said.out.rindex(str(picture))]
    assert len(written.rstrip("\n").rjust(38)) == 38
    assert "held out" in said.err
    with Image.open(picture) as image:
        assert image.size == (1200, 528)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["language", "--prompt", "Ä"], "'Ä'"),
        (["language", "--prompt", ""], "--prompt"),
        (["language", "--length", "-1"], "-1 characters"),
        (["language", "--temperature", "-0.5"], "temperature of -0.5"),
        (["splat", "--prompt", "Alice"], "writes no text"),
    ],
)
def test_what_cannot_be_written(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lab", *words]) == 2
    assert said in capsys.readouterr().err


def test_too_little_to_read(model: LanguageTransformer, fable: Book) -> None:
    with pytest.raises(UsageError, match="a book of 9 characters"):
        next(language.learn(model, book("Down, down"), steps=1))
    with pytest.raises(UsageError, match="from number 8"):
        language.bits(model, fable.tokens, 8)
    with pytest.raises(UsageError, match="from number 3000"):
        language.bits(model, fable.tokens, 3000)
