"""Unigram and bigram models: how often each character of a text comes, and after which other.

What a network must beat to have learned more than pairs of letters. Characters are numbers below
`kinds`; entropies are in bits a character. Shannon (1948), "A mathematical theory of
communication", section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor


def counts(text: Tensor, kinds: int) -> Tensor:
    """(kinds, kinds) float64: how often the second follows the first."""
    pairs = torch.bincount(text[:-1] * kinds + text[1:], minlength=kinds * kinds)
    return pairs.view(kinds, kinds).double()


def unigram(text: Tensor, kinds: int) -> Tensor:
    """Chances (kinds,) of each character, each counted once more than it was seen (Laplace)."""
    seen = torch.bincount(text, minlength=kinds).double() + 1
    return seen / seen.sum()


def bigram(text: Tensor, kinds: int) -> Tensor:
    """Chances (kinds, kinds) of what follows each character; rows sum to 1, and none is 0.

    Pairs that were not seen get a share from the unigram, the larger the more different characters
    follow: (n(a, b) + t(a) p(b)) / (n(a) + t(a)), where t(a) of them were seen after a. This is
    method C of Witten and Bell (1991), "The zero-frequency problem", interpolated.
    """
    pairs = counts(text, kinds)
    followers = (pairs > 0).sum(1, keepdim=True).clamp_min(1)  # an unseen row is the unigram
    return (pairs + followers * unigram(text, kinds)) / (pairs.sum(1, keepdim=True) + followers)


def surprise(chances: Tensor, text: Tensor) -> float:
    """Mean −log₂ of the chances of the characters after the first: bits a character.

    chances  (kinds,) of a unigram or (kinds, kinds) of a bigram
    """
    table = chances.expand(len(chances), -1)
    return float(-table[text[:-1], text[1:]].log2().mean())


def conditional_entropy(text: Tensor, kinds: int) -> float:
    """H(next | current) of the text's own pairs, in bits: no bigram model of it can do better.

    Not even one fitted on this very text, which is why it is lower than what an honest one reaches.
    """
    pairs = counts(text, kinds)
    joint = pairs / pairs.sum()
    given = pairs / pairs.sum(1, keepdim=True).clamp_min(1)
    return float(-(joint * torch.where(pairs > 0, given, 1.0).log2()).sum())
