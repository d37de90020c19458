"""Sphinx configuration of the documentation site.

Build it with `sphinx-build -W docs build/docs`; any warning is an error.
"""

import digitzip

project = "digitzip"
author = "the digitzip authors"
project_copyright = f"2026, {author}"
version = release = digitzip.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"digitzip {version}"

myst_heading_anchors = 4  # pages link to headings by the anchors that GitHub gives them

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "literal"  # docstrings mark code with single backticks
python_use_unqualified_type_names = True
