"""The site of the documentation: `make docs` builds it with Sphinx, offline, into build/site."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from reference import write_index, write_reference  # noqa: E402  (beside this file)
from vitreous.version import __version__  # noqa: E402

project, release, copyright = "vitreous", __version__, "the authors of vitreous"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["README.md"]  # the index is made of it
html_theme = "furo"
html_title = "vitreous"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0e6c82", "color-brand-content": "#0e6c82"},
    "dark_css_variables": {"color-brand-primary": "#5cc1d6", "color-brand-content": "#5cc1d6"},
}
html_show_sphinx = False
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
# Shell sessions show answers between their commands, which no lexer of a shell knows.
suppress_warnings = ["misc.highlighting_failure"]
nitpicky = True

PAGES = {
    "Start": ("tutorial", "how-to", "gallery", "glossary", "faq"),
    "Guide": (
        *("data", "shards", "augment", "models", "training", "doctor", "tasks-and-scores"),
        *("segmentation", "detection", "points-and-boxes", "denoising", "depth-and-counts"),
        *("pretrain",),
        *("runs", "export", "serving", "scale"),
        *("classic", "selection", "explain", "robust"),
        *("playground", "labs", "backprop", "trace", "design"),
    ),
    "Reference": ("reference/command-line", "reference/python"),
}
"""By heading: the pages in the order of the side bar. Sphinx complains of one that is missing."""

write_reference(HERE / "reference")
write_index(HERE, PAGES)
