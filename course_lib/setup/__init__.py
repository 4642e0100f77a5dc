"""How the course is set up and opened on a learner's machine.

It runs before anything is installed, so it needs the standard library only (``lab`` also JupyterLab).
"""
