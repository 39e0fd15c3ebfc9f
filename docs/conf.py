"""Sphinx reads this from the folder that ``docs/build.py`` assembles."""

import sys
from pathlib import Path

import bayeslaw

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "bayeslaw"
author = "The bayeslaw developers"
copyright = author
version = release = bayeslaw.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "mathml",
]
exclude_patterns = ["_ext"]

# Notebooks are shown as they are kept in the repository.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_number_source_lines = False
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "pydata_sphinx_theme"
html_title = "bayeslaw"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["bayeslaw.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_nav_level": 1,
}
