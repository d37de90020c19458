"""Sphinx configuration of the documentation site.

Build it with `sphinx-build -W docs build/docs`; any warning is an error.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

import digitzip

project = "digitzip"
author = "the digitzip authors"
project_copyright = f"2026, {author}"
version = release = digitzip.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = f"digitzip {version}"

myst_heading_anchors = 4  # pages link to headings by the anchors that GitHub gives them

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"npt.ArrayLike": "ArrayLike"}  # else a union of private types
default_role = "literal"  # docstrings mark code with single backticks
python_use_unqualified_type_names = True


ARRAY = re.compile(
    r"~?numpy\.ndarray\[~?tuple\[.*?\], ~?numpy\.dtype\[(?:~?[a-z]+\.)?(\w+)(?:\[.*?\])?\]\]"
)

LONG_NAME = re.compile(r"(?:~[\w.]*\.|\bnpt\.)(\w+)")
CONSTRUCTED = ("digitzip.Archive", "digitzip.Codec", "digitzip.Shape")
"""Classes that users construct; functions return the others."""


def shorten_types(
    app: Sphinx,
    what: str,
    name: str,
    value: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Write types in signatures as users do, `NDArray[uint8]`; hide private constructors."""
    if what == "class" and name not in CONSTRUCTED:
        return "", None
    return signature and _short(signature), returns and _short(returns)


def _short(types: str) -> str:
    return LONG_NAME.sub(r"\1", ARRAY.sub(r"NDArray[\1]", types))


def link_within_site(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    """Point links between pages that stand outside docs/ at their pages of the site."""
    for page in ("CONTRIBUTING", "CHANGELOG"):
        content[0] = content[0].replace(f"]({page}.md", f"](docs/{page.lower()}.md")


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", shorten_types)
    app.connect("include-read", link_within_site)
