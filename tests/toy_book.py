"""Two cells in both languages, for the tests of the book."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PROSE = """# 99 · 장난감 · A toy

<div lang="ko">

보상은 $r_t$입니다.

</div>

<div lang="en">

The reward is $r_t$.

</div>
"""


def write_toy(folder: Path, prose: str = PROSE) -> Path:
    """A notebook whose code cell would fail, with an output stored in it; returns ``folder``."""
    html = '<div lang="ko">저장된 출력 $x_1$</div><div lang="en">stored output $x_1$</div>'
    output = new_output("display_data", data={"text/html": html, "text/plain": "x"})
    code = new_code_cell("raise SystemExit('executed again')", execution_count=1, outputs=[output])
    notebook = new_notebook(cells=[new_markdown_cell(prose), code])
    notebook.metadata = nbformat.from_dict({"language_info": {"name": "python"}})
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / "99_toy.ipynb")
    return folder
