"""`vitreous explain MODEL IMAGES...`: where in images the evidence for an answer lies."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from vitreous.cli.drawn_answers import drawn_names
from vitreous.cli.explain_views import VIEWS, Asked, one_view, show
from vitreous.cli.image_paths import gathered
from vitreous.cli.loading import loading
from vitreous.cli.network import must_exist
from vitreous.errors import DataError, ImageError, UsageError
from vitreous.files import json_text
from vitreous.formats import counted

if TYPE_CHECKING:
    from vitreous.explain.explanation import Explanation
    from vitreous.inference.model_file import Bundle

CHUNK = 16  # images that are explained together
SHEET = 240  # images that a contact sheet shows at most

Explained = tuple[Path, "Explanation | ImageError"]


def explain(
    model: Path,
    /,
    *images: Path,
    method: str = "auto",
    layer: str | None = None,
    unit: int | None = None,
    target: str = "",
    json: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    certify: Annotated[bool, Parameter(negative="")] = False,
    filters: Annotated[bool, Parameter(negative="")] = False,
    maps: str | None = None,
    patches: str | None = None,
    maximize: Annotated[bool, Parameter(negative="")] = False,
    perceive: Annotated[bool, Parameter(negative="")] = False,
    boxes: Annotated[bool, Parameter(negative="")] = False,
    shortcuts: Annotated[bool, Parameter(negative="")] = False,
    convert: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Show where in images the evidence for an answer lies, as heatmaps over them. An image that
    cannot be read is named on stderr, and the others go on; the exit code is 1 then.

    With one of the flags from --filters on, it shows what is inside of the network instead:
    pictures and a page are written into --out, or else into the folder `explained` of the run.

    Parameters
    ----------
    model
        a run folder or a model file
    images
        image files, or folders of them
    method
        gradcam, cam, saliency, gradient_input, smoothgrad, integrated_gradients, guided_backprop,
        occlusion, attention_rollout; `auto` is gradcam where the network has maps
    layer
        the layer that gradcam looks at, as `vitreous inspect` names it; it is found if not given
    unit
        ask about this channel of the layer, in place of the answer
    target
        ask about this class, class at a pixel (road@120,80), box or point; without it, about what
        the network answers
    json
        print one JSON object
    certify
        measure on these images what the method's maps are worth for this network, in place of
        showing them; the exit code is 1 where they are not to be trusted. Give images of several
        classes, better 30 than 4
    filters
        the filters of the layer that sees the image itself
    maps
        what each channel of this layer makes of each image; `all`: of each stage
    patches
        what excites the units of this layer most, or --unit alone, cut out of the images; without
        images, out of those that the run was validated on
    maximize
        images that make --target large, or --unit of --layer, found from noise
    perceive
        what the last maps (or --layer) keep of each image, and where the evidence lies in it
    boxes
        a box for each image, around the evidence for what it shows
    shortcuts
        spots that make an answer by themselves, such as a watermark, in the images or the run's
    convert
        the network up to its last maps (or --layer), with average pooling and one dense layer: its
        class activation maps of the images, and what it costs in accuracy on the run's data
    out
        write into this folder: each heatmap over its image, sheet.html and explanations.json
    quiet
        no progress
    """
    view = one_view(
        certify=certify,
        filters=filters,
        maps=maps,
        patches=patches,
        maximize=maximize,
        perceive=perceive,
        boxes=boxes,
        shortcuts=shortcuts,
        convert=convert,
    )
    if not images and view in (None, "certify"):
        raise UsageError("no images are given", remedy="Name image files, or folders of them.")
    if out is not None and out.is_file():
        raise UsageError("is a file", where="--out", remedy="Name a folder.")
    must_exist(model)
    paths, missed = gathered(images)
    if images and not paths:
        raise missed[0]

    with loading():
        from vitreous.inference.model_file import load
        from vitreous.progress.choose import progress

    bundle = load(model)
    if view in VIEWS:
        with progress(style="none" if quiet else "auto") as told:
            asked = Asked(
                model=model,
                bundle=bundle,
                paths=paths,
                value=maps or patches or "",
                method=method,
                layer=layer,
                unit=unit,
                target=target,
                progress=told,
            )
            show(view, asked, out, json)
        for error in missed:
            print(f"error: {error}", file=sys.stderr)
        return 1 if missed else 0
    if certify:
        return _certify(bundle, paths, method, layer, unit, target, json, quiet)
    names = drawn_names(paths) if out else {}
    options = {"method": method, "layer": layer, "unit": unit, "target": target}
    found: list[Explained] = []
    with progress(style="none" if quiet else "auto") as shown:
        shown.stage("explaining", len(paths))
        for path, each in _explained(bundle, paths, options):
            if out is not None and not isinstance(each, ImageError):
                _draw(out, names[path], each)
            found.append((path, each))
            shown.advance_to(len(found), len(paths))
    text = _json(found, missed)
    if out is not None:
        _write(out, found, text, bundle)
    failures = [each for _, each in found if isinstance(each, ImageError)]
    if json:
        print(text, end="")
    elif len(failures) < len(found):
        print(_plain(found, out))
    for error in (*missed, *failures):
        print(f"error: {error}", file=sys.stderr)
    return 1 if failures or missed else 0


def _certify(
    bundle: Bundle,
    paths: Sequence[Path],
    method: str,
    layer: str | None,
    unit: int | None,
    target: str,
    json: bool,
    quiet: bool,
) -> int:
    from vitreous.progress.choose import progress

    if unit is not None:
        raise UsageError(
            "what is certified is how answers are explained",
            where="unit",
            remedy="Leave --unit out.",
        )
    with progress(style="none" if quiet else "auto") as shown:
        shown.stage(f"certifying on {counted(len(paths), 'image')}")
        found = bundle.certify([*paths], method=method, layer=layer, target=target)
    print(json_text({"certificate": found.to_json()}) if json else found.text)
    return 0 if found.granted else 1


def _explained(
    bundle: Bundle, paths: Sequence[Path], options: dict[str, Any]
) -> Iterator[Explained]:
    """Chunk by chunk; a chunk with an image that cannot be read is asked one by one."""
    for start in range(0, len(paths), CHUNK):
        chunk = paths[start : start + CHUNK]
        try:
            yield from zip(chunk, bundle.explain([*chunk], **options), strict=True)
        except ImageError:
            for path in chunk:
                try:
                    yield path, bundle.explain(path, **options)
                except ImageError as error:
                    yield path, error


def _draw(folder: Path, name: str, found: Explanation) -> None:
    from vitreous.atomic import write_bytes

    place = folder / f"{name}.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(place, found.png())


def _write(folder: Path, found: Sequence[Explained], text: str, bundle: Bundle) -> None:
    from vitreous.atomic import write_text
    from vitreous.explain.explanation_sheet import sheet

    shown = [(str(path), each) for path, each in found if not isinstance(each, ImageError)]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "explanations.json", text)
    if shown:
        name = bundle.architecture or "a network"
        write_text(folder / "sheet.html", sheet(shown[:SHEET], f"Why {name} answers so"))


def _json(found: Sequence[Explained], missed: Sequence[DataError]) -> str:
    errors = [
        {"path": error.where, "message": error.message, "remedy": error.remedy} for error in missed
    ]
    explanations = []
    for path, each in found:
        if isinstance(each, ImageError):
            errors.append({"path": str(path), "message": each.message, "remedy": each.remedy})
        else:
            explanations.append({"path": str(path), **each.to_json()})
    return (
        json_text({"explanations": explanations, **({"errors": errors} if errors else {})}) + "\n"
    )


def _plain(found: Sequence[Explained], out: Path | None) -> str:
    """A line an image: its path, what was asked, where the evidence is densest."""
    width = max((len(str(path)) for path, _ in found), default=0)
    lines = []
    for path, each in found:
        if isinstance(each, ImageError):
            continue
        x, y = each.peak
        place = "" if each.empty else f"   most at {x},{y}"
        lines.append(f"{path!s:{width}}   {each.text}{place}")
    if out is not None:
        lines += ["", f"sheet     {out / 'sheet.html'}"]
    return "\n".join(lines)
