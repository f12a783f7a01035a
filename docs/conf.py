"""The site: `make docs` builds it without a network, and a warning fails it."""

project = "enrich"
author = "the authors of enrich"
project_copyright = "2026, the authors of enrich"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["examples/node/node_modules"]
html_theme = "furo"
html_title = "enrich"
html_static_path = ["_static"]
html_show_sphinx = False
# Nothing is fetched when a page is read.
html_use_opensearch = ""

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Pages also lead to files outside of the site; a test looks whether all links lead somewhere.
suppress_warnings = ["misc.highlighting_failure", "myst.xref_missing"]
nitpicky = True
