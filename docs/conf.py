"""The site: Sphinx, the theme Furo, MyST for Markdown and notebooks. `make docs` builds it into
site/, without the network."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
sys.path[:0] = [str(PROJECT), str(HERE / "extensions")]
os.chdir(PROJECT)  # studies and results are found from here, wherever the build was started

project = "xstilts"
author = "the authors of xstilts"
copyright = "the authors of xstilts, Apache-2.0"
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "made_pages", "plain_docstrings", "checked_links"]
exclude_patterns = ["extensions", "theme", "made/parts"]

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "colon_fence"]
nb_execution_mode = "off"  # reports are shown as their study left them
nb_merge_streams = True
nb_ipywidgets_js = {}

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
default_role = "py:obj"

html_theme = "furo"
html_title = "xstilts"
html_static_path = ["theme"]
html_css_files = ["site.css"]
html_favicon = "theme/mark.svg"
html_copy_source = False
html_show_sourcelink = False
# Blues that can be read on white and on black, told apart with any color vision (Okabe and Ito
# 2008).
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#005a8c", "color-brand-content": "#005a8c"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}
