"""Sphinx's settings, under Sphinx's names. `release` comes from the command line."""

project = "Latchkey"
html_title = "Latchkey"
copyright = "the authors of Latchkey, MIT license"  # noqa: A001 - Sphinx's name
extensions = ["myst_parser"]
root_doc = "index"
source_suffix = {".md": "markdown"}
# A link may name a heading as GitHub does.
myst_heading_anchors = 4
highlight_language = "none"
# A block in a language that Pygments doesn't know, such as jq, is shown without colors.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_theme_options = {"top_of_page_buttons": ["view"]}
html_favicon = "../../controlplane/static/latchkey/icon.svg"
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/versions.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
# Each page has a Markdown twin in place of Sphinx's copy.
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
# Quotation marks and hyphens stay as they were typed.
smartquotes = False
# The same bytes from the same source.
html_last_updated_fmt = None
