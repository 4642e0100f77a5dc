"""A lesson whose trainings end after two updates: for tests in which what is learned does not matter."""

import re

SHORT_TRAINING = """
def stream(*names, _whole=stream, **settings):
    few = {} if names[0] in ("pearl", "dpt") else dict(trials=32)  # which have no such setting
    return _whole(*names, **settings | dict(updates=2) | few)
"""


def cut_short(notebook) -> None:
    """Change a lesson's code cells so."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if "stream" in code[0].source:
        assert '\nstart("' in code[0].source
        code[0].source = code[0].source.replace('\nstart("', SHORT_TRAINING + '\nstart("')
    for cell in code:  # settings that a lesson gives to a method itself, not through stream
        cell.source = re.sub(r"\b(updates(?:: int)? ?= ?)\d+", r"\g<1>2", cell.source)
