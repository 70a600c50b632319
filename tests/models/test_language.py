import math

import pytest
import torch
from torch.nn import functional as F

from vitreous.blocks.transformer import TransformerLayer
from vitreous.errors import ShapeError, UsageError
from vitreous.models.language import LanguageTransformer


@pytest.fixture
def model() -> LanguageTransformer:
    torch.manual_seed(0)
    return LanguageTransformer(11, context=16, width=24, depth=2, heads=3).eval()


def test_future_tokens_have_no_gradient(model: LanguageTransformer) -> None:
    text = torch.randint(0, 11, (2, 9))
    embedded = model.embed(text).detach().requires_grad_()
    x = embedded + model.positions[:, :9]
    logits = model.head(model.norm(model.blocks(x)))
    for position in range(9):
        score = logits[:, position].square().sum()
        (gradient,) = torch.autograd.grad(score, embedded, retain_graph=True)
        assert not gradient[:, position + 1 :].any()
        assert gradient[:, : position + 1].any(2).all()


def test_future_tokens_change_nothing(model: LanguageTransformer) -> None:
    text = torch.randint(0, 11, (1, 9))
    other = text.clone()
    other[:, 5:] = (other[:, 5:] + 1) % 11
    torch.testing.assert_close(model(text)[:, :5], model(other)[:, :5])
    assert not torch.allclose(model(text)[:, 5:], model(other)[:, 5:])


def test_layer_is_that_of_the_vision_transformer(model: LanguageTransformer) -> None:
    assert all(type(block) is TransformerLayer for block in model.blocks)


def test_begins_by_knowing_nothing() -> None:
    """Logits of variance 1/3, which torch's layers begin with, cost half of that over ln L."""
    over = []
    for seed in range(20):
        torch.manual_seed(seed)
        model = LanguageTransformer(11, context=16, width=24, depth=2, heads=3).eval()
        text = torch.randint(0, 11, (4, 16))
        loss = F.cross_entropy(model(text)[:, :-1].flatten(0, 1), text[:, 1:].flatten())
        over.append(loss.item() - math.log(11))
    assert sum(over) / 20 == pytest.approx(1 / 6, abs=0.04)


def test_greedy_text_is_what_the_logits_say(model: LanguageTransformer) -> None:
    prompt = torch.randint(0, 11, (2, 3))
    text = model.generate(prompt, 20, temperature=0)
    assert text.shape == (2, 23)
    assert torch.equal(text[:, :3], prompt)
    for length in (3, 10, 22):
        window = text[:, max(0, length - 16) : length]
        assert torch.equal(model(window)[:, -1].argmax(1), text[:, length])


def test_drawn_text_repeats_with_its_generator(model: LanguageTransformer) -> None:
    prompt = torch.zeros(1, 1, dtype=torch.int64)
    drawn = [
        model.generate(prompt, 30, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_learns_a_cycle() -> None:
    """0 1 2 3 0 1 2 3 ...: after a few steps the next token is certain, and so is the text."""
    torch.manual_seed(0)
    model = LanguageTransformer(4, context=12, width=16, depth=1, heads=2)
    text = (torch.arange(12)[None] + torch.arange(4)[:, None]) % 4
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(80):
        loss = F.cross_entropy(model(text)[:, :-1].flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    told = model.eval().generate(torch.tensor([[2, 3]]), 8, temperature=0)
    assert told.tolist() == [[2, 3, 0, 1, 2, 3, 0, 1, 2, 3]]


@pytest.mark.parametrize("length", [0, 17])
def test_too_long_or_empty(model: LanguageTransformer, length: int) -> None:
    with pytest.raises(ShapeError, match=f"a text of {length} tokens"):
        model(torch.zeros(1, length, dtype=torch.int64))


def test_no_negative_temperature(model: LanguageTransformer) -> None:
    with pytest.raises(UsageError, match="temperature of -1"):
        model.generate(torch.zeros(1, 1, dtype=torch.int64), 1, temperature=-1)
