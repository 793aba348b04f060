"""The book: Sphinx builds it from this folder's executed notebooks, and executes none of them."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "pages"))  # the extensions beside the pages

project = "Deep learning for ECG"
author = "the founding developers of ecgnb"
extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx-mathjax-offline",
    "ecgnb_book",
    "ecgnb_figures",
    "ecgnb_fold",
    "ecgnb_glossary",
    "ecgnb_browser",
    "ecgnb_summaries",
    "ecgnb_cloud",
    "ecgnb_teaching",
]
exclude_patterns = [
    "_build",
    "pages/generated/course.md",
    "pages/generated/sweep.md",
    "results",
    "profiles",
    "*.py",
    "**/README.md",
]
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header"]
numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries = False  # the list of contents names the modules; each sidebar would carry 600 names more

html_theme = "sphinx_book_theme"
html_context = {"default_mode": "light"}
html_title = "Deep learning for ECG"
html_static_path = ["pages/_static"]
html_favicon = "pages/_static/icon.svg"
html_css_files = ["book.css", "quiz.css"]
html_js_files = ["book.js"]
html_sourcelink_suffix = ""
html_show_sourcelink = False
# A fork sets one variable, and each lesson has a link that runs it.
REPOSITORY = os.environ.get("ECGNB_REPOSITORY", "")
html_theme_options = {
    "use_download_button": True,
    "show_toc_level": 2,
    "max_navbar_depth": 1,  # the pages of the package are on its index; the sidebar is made for each page of the source, too
    "home_page_in_toc": True,
    "navbar_persistent": [],  # one search field is enough
    "repository_url": REPOSITORY,
    "repository_branch": "main",
    "use_repository_button": bool(REPOSITORY),
    "path_to_docs": "notebooks",
}
