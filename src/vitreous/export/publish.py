"""Publishing: a trained network and its model card, on the Hugging Face hub or in a folder.

Two files go out: the model file and the card. Images, predictions, logs and the report stay, and so
do the names of folders of this machine.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from vitreous.atomic import write_bytes
from vitreous.errors import RunError, UsageError, missing
from vitreous.export.model_card import card, checked_license, data_name
from vitreous.run_folder import RunFolder
from vitreous.runs.run import Run

FILE, CARD = "model.safetensors", "README.md"
PLACE = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


@dataclass(frozen=True, kw_only=True)
class Published:
    """What has gone out.

    place    the address of the repository, or the folder
    model    how the network is asked for: hub:OWNER/NAME#sha256=...; in a folder its path
    sha256   of the model file
    license  as it was told
    """

    place: str
    model: str
    sha256: str
    license: str

    def to_json(self) -> dict[str, str]:
        return dict(vars(self))


def publish(
    run: str | Path, to: str, *, license: str = "unknown", private: bool = False
) -> Published:
    """Publish the network of a run with a model card that is made of its report.

    to       hub:OWNER/NAME, on the hub or the mirror that $HF_ENDPOINT names; or a folder, to look
             at before
    license  the hub's short name of one, such as apache-2.0
    private  the repository is seen by its owner alone, where it is made

    Raises UsageError for a name that is none and for a folder with other files, RunError where the
    hub refuses.
    """
    license = checked_license(license)
    place = to.removeprefix("hub:")
    on_hub = place != to
    if on_hub and not PLACE.fullmatch(place):
        raise UsageError(
            f"'{to}' names no repository", where="--to", remedy="Write hub:OWNER/NAME."
        )
    if private and not on_hub:
        raise UsageError(
            "only a repository of the hub can be private",
            where="--private",
            remedy="Leave it out, or write --to hub:OWNER/NAME.",
        )
    folder = RunFolder.open(run)
    _ = folder.trained
    found = Run.read(folder)
    training = {**found.model.training, "data": data_name(found.model)}
    blob = replace(found.model, training=training).to_bytes()
    sha256 = hashlib.sha256(blob).hexdigest()
    if not on_hub:
        target = Path(to)
        named = f"OWNER/{folder.path.resolve().name}"
        for_it_alone(target)
        target.mkdir(parents=True, exist_ok=True)
        write_bytes(target / FILE, blob)
        write_bytes(target / CARD, card(found, named, license, sha256).encode())
        path = str(target / FILE)
        return Published(place=str(target), model=path, sha256=sha256, license=license)
    files = {FILE: blob, CARD: card(found, place, license, sha256).encode()}
    address = upload(place, files, private)
    model = f"hub:{place}#sha256={sha256[:16]}"
    return Published(place=address, model=model, sha256=sha256, license=license)


def for_it_alone(folder: Path) -> None:
    """Raises UsageError for a folder with files, none of which is a card from before."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    before = folder / CARD
    if not before.is_file() or b"library_name: vitreous" not in before.read_bytes():
        raise UsageError(
            "holds other files, and two of these names would be overwritten",
            where=str(folder),
            remedy="Name a new folder with --to.",
        )


def upload(place: str, files: dict[str, bytes], private: bool) -> str:
    """Put files into a repository of the hub, in one commit; it is made if there is none. Returns
    its address.
    """
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
    except ImportError as error:
        raise missing("huggingface_hub", "hub", "publishing", where="--to") from error
    endpoint = os.environ.get("HF_ENDPOINT")
    hub = HfApi(endpoint=endpoint)
    try:
        made = hub.create_repo(place, private=private, exist_ok=True)
        added = [CommitOperationAdd(name, blob) for name, blob in files.items()]
        hub.create_commit(made.repo_id, added, commit_message="A network with its model card")
    except Exception as error:  # the client has many errors of its own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        heard = getattr(error, "response", None) is not None
        raise RunError(
            f"the hub {'did not take it' if heard else 'cannot be reached'}: {reason}",
            where=f"hub:{place}",
            remedy="Log in with `hf auth login`, or set HF_TOKEN to a token that may write."
            if heard
            else f"Check the connection to {hub.endpoint}; HF_ENDPOINT names another hub.",
        ) from error
    return str(made)
