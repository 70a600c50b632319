"""A static site of the playground: one HTML file that trains in the browser, without a server.

The page is the one that the server serves. Its scripts are joined, and the engine of
`static/engine` goes along, which draws the same points, first weights and batches as Python does
for the same settings.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from vitreous.atomic import storage_errors, write_text
from vitreous.errors import StorageError
from vitreous.playground.plane.vocabulary import vocabulary

STATIC = Path(__file__).parent / "static"
MARK = '<meta name="generator" content="vitreous playground">'
# The page loads nothing and sends nothing; its engine is a worker that is made of its own text.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
)
IMPORT = re.compile(r'^import \{ (.+?) \} from "\./(.+?)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async function|function\*?|class|const) (\w+))", re.MULTILINE)


def export_site(folder: Path) -> Path:
    """Write the page as `index.html` into a folder, and return its path.

    Raises StorageError if there is a page of another kind, or nothing can be written.
    """
    page = folder / "index.html"
    if folder.exists() and not folder.is_dir():
        raise StorageError(
            "is a file, and the page goes into a folder",
            where=str(folder),
            remedy="Name a folder: index.html is written into it.",
        )
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        foreign = page.exists() and MARK not in page.read_text(encoding="utf-8", errors="replace")
    if foreign:
        raise StorageError(
            "holds another page, which would be lost",
            where=str(page),
            remedy="Give another folder, or remove that file.",
        )
    return write_text(page, standalone_page())


def standalone_page() -> str:
    """The page as one text that needs no other file."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    icon = base64.b64encode((STATIC / "icon.svg").read_bytes()).decode()
    page = page.replace('"icon.svg"', f'"data:image/svg+xml;base64,{icon}"')
    page = re.sub(r'<link rel="stylesheet" href="(.+?)">', _style, page)
    policy = f'<meta http-equiv="content-security-policy" content="{POLICY}">'
    page = page.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{policy}\n{MARK}')
    words = json.dumps(vocabulary(), ensure_ascii=False, allow_nan=False)
    parts = [
        _script("application/json", words.replace("</", "<\\/"), "vocabulary"),
        _script("text/plain", joined(STATIC / "engine", "worker.js"), "engine"),
        _script("module", joined(STATIC, "main.js")),
    ]
    linked = '<script type="module" src="main.js"></script>\n'
    return page.replace(linked, "").replace("</body>", "\n".join([*parts, "</body>"]))


def joined(folder: Path, entry: str) -> str:
    """A script and all that it imports as one script: each module is a block that gives its names.

    No two modules may import each other.
    """
    blocks = ["const modules = {};"]
    for name in in_order(folder, entry):
        source = (folder / name).read_text(encoding="utf-8")
        names = EXPORT.findall(source)
        source = EXPORT.sub("", IMPORT.sub(r'const { \1 } = modules["\2"];\n', source))
        if name == entry:
            blocks.append(source)
        else:
            given = ", ".join(names)
            blocks.append(f'modules["{name}"] = (() => {{\n{source}\nreturn {{ {given} }};\n}})();')
    return "\n".join(blocks)


def in_order(folder: Path, entry: str) -> list[str]:
    """The entry and what it imports, directly or not, in the order in which they can run."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name not in found:
            for _, other in IMPORT.findall((folder / name).read_text(encoding="utf-8")):
                visit(other)
            found.append(name)

    visit(entry)
    return found


def _style(link: Any) -> str:
    return f"<style>\n{(STATIC / link[1]).read_text(encoding='utf-8')}</style>"


def _script(kind: str, text: str, name: str = "") -> str:
    assert "</script" not in text
    label = f' id="{name}"' if name else ""
    return f'<script type="{kind}"{label}>\n{text}\n</script>'
