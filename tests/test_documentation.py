"""The pages: they build as a site, what they name exists, and their prose follows the rules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from PIL import Image

import digitzip
from benchmarks.report import picture

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
PAGES: Final = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(DOCS.glob("*.md")),
    *sorted(DOCS.glob("cookbook/*.md")),
)
CODE: Final = re.compile(r"^```.*?^```|`[^`]*`", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
ROOMS: Final = "|".join(path.name for path in (ROOT / "digitzip").iterdir() if path.is_dir())
FILE: Final = re.compile(rf"`((?:digitzip|tests|docs|benchmarks|{ROOMS})/[\w./-]*)")

UNCLEAR: Final = (
    "of so many", "by so many", "those that", "those who", "by which", "tells of itself",
    "is not to be had", "not to be had", "do justice", "does justice", "worth most", "dear",
    "dearer",
)  # fmt: skip
"""Turns of phrase that need a second reading."""
OLD_WORDS: Final = (
    "predictor", "predictors", "shipped", "shelf", "ladder", "rung", "rungs", "nominal", "staging",
    "residual network",
)  # fmt: skip
"""Words that the vocabulary of CONTRIBUTING.md replaces; names in code spans may keep them."""


def prose(page: Path) -> str:
    """Return the text of a page without its code."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "dummy"]
    done = subprocess.run(
        [*build, "-d", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "site")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_api_page_has_every_public_name() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. auto\w+:: digitzip\.(\w+)$", page, re.MULTILINE)
    assert sorted(shown) == sorted(set(dir(digitzip)) - {"__version__"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_shorter_than_120_characters(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if len(line) >= 120 and not line.startswith("|")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_use_plain_words(page: Path) -> None:
    words = " ".join(prose(page).lower().split())
    found = [word for word in (*UNCLEAR, *OLD_WORDS) if re.search(rf"\b{word}\b", words)]
    assert not found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_to_files(page: Path) -> None:
    targets = LINK.findall(prose(page))
    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/RELIABILITY.md"])
def test_files_that_a_page_names_exist(name: str) -> None:
    for path in FILE.findall((ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / path).exists() or (ROOT / "digitzip" / path).exists(), path


@pytest.mark.skipif("DIGITZIP_DATA" not in os.environ, reason="DIGITZIP_DATA is not set")
def test_the_picture_of_the_readme_is_what_the_codec_gives() -> None:
    with Image.open(picture.PATH) as drawn:
        np.testing.assert_array_equal(np.asarray(drawn), picture.picture())
