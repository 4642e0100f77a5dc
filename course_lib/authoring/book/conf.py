"""Sphinx's settings for the book of the lessons. ``course_lib.authoring.book`` calls Sphinx with them."""

project = "탐험을 배우는 메타 강화학습 · Learning to explore"
language = "ko"  # of the few words that Sphinx adds itself

extensions = ["myst_nb", "sphinx-mathjax-offline"]
nb_execution_mode = "off"  # what a reader sees is what the repository holds
smartquotes = False  # quotation marks stay as the lessons write them
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_dmath_double_inline = True  # as in Jupyter: $$…$$ within a paragraph
# In the stored outputs, too, formulas stand between dollars; in the prose MyST has already found them.
# The MathJax that comes along is version 3; it reads this setting as version 4 does.
myst_mathjax_classes = "tex2jax_process|mathjax_process|math|text_html"
mathjax4_config = {"tex": {"inlineMath": [["\\(", "\\)"], ["$", "$"]]}}

templates_path = ["templates"]
html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["book.css"]
html_js_files = ["language.js"]
html_copy_source = False
html_theme_options = {
    "article_header_end": ["language-switch.html", "article-header-buttons.html"],
    "footer_content_items": [],
    "navbar_persistent": [],  # else one more search field, in a bar of its own
    "toc_title": "차례 · Contents",
    "use_download_button": False,
    "use_fullscreen_button": False,
}
