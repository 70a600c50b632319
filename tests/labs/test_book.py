"""The text that comes with the package."""

from __future__ import annotations

import hashlib

import pytest
import torch

from vitreous.errors import UsageError
from vitreous.labs.book import alice, book

SHA = "507bcf0dd34bfea664fddf8bd3e311000c69fbfb0f60b7d056fc2bf204af58c3"


def test_it_is_alice() -> None:
    text = alice()
    assert hashlib.sha256(text.encode()).hexdigest() == SHA
    assert text.isascii()
    assert text.startswith(
        "CHAPTER I\n\nDown the Rabbit-Hole\n\nAlice was beginning to get very tired"
    )
    assert text.endswith("and the happy summer days.\n")
    assert text.count("CHAPTER ") == 12
    assert "Gutenberg" not in text


def test_letters_are_numbers_and_back() -> None:
    novel = book()
    assert len(novel.letters) == 65
    assert novel.decode(novel.tokens) == alice()
    assert novel.encode("Alice").tolist() == [novel.letters.index(letter) for letter in "Alice"]
    assert novel.encode("").shape == (0,)


def test_its_end_is_held_out() -> None:
    novel = book()
    assert torch.equal(torch.cat([novel.train, novel.held_out[1:]]), novel.tokens)
    assert len(novel.held_out) - 1 == round(len(novel.tokens) / 10)
    assert novel.held_out[0] == novel.train[-1]
    assert "Alice's Evidence" in novel.decode(novel.held_out)
    assert "Alice's Evidence" not in novel.decode(novel.train)


def test_letters_that_it_does_not_have() -> None:
    with pytest.raises(UsageError, match="never seen '7é'"):
        book().encode("é7 Alice")
