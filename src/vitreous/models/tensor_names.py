"""Names of tensors in a state dict, without the prefixes of what a network was wrapped in.

`torch.compile` puts `_orig_mod.` before each name, DataParallel and the averages of `swa_utils` put
`module.`, and frameworks put the name of the attribute that holds the network, such as `model.`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

WRAPPERS = ("_orig_mod", "module")
"""Names that torch itself gives to what it wraps, at any depth."""


def unwrapped(names: Iterable[str]) -> dict[str, str]:
    """Each name, and what it is without torch's wrappers; as they are where two would coincide."""
    names = list(names)
    bare = {
        name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in names
    }
    return bare if len({*bare.values()}) == len(names) else dict(zip(names, names, strict=True))


def prefix(names: Collection[str], known: Iterable[str]) -> str:
    """What all names begin with and no known one does, such as `model.`; "" if there is nothing."""
    first = {name.partition(".")[0] for name in names}
    if len(first) != 1 or any("." not in name for name in names):
        return ""
    (common,) = first
    if any(name.partition(".")[0] == common for name in known):
        return ""
    rest = [name.removeprefix(f"{common}.") for name in names]
    return f"{common}.{prefix(rest, known)}"
