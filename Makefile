# make lab            set up what is needed and open the course      (PORT=9000 to choose the port)
# make test           set up what is needed and run all fast tests
# make test-browser   drive a real JupyterLab in a real browser      (needs Chromium)
# make test-grading   grade all hostile submissions                  (minutes; needs bubblewrap)
# make notebooks      build the notebooks from notebooks/source
# make book           build the solved lessons as a book of web pages in build/book/html
# make figures        draw the figures again from what was recorded: nothing is trained
# make badges         put Binder and Colab badges into README.md     (REPO=owner/name)
# make bench          measure the tasks' speed, the live view's cost and the methods (on a quiet machine)
#
# PYTHON=<path>          the Python to use, instead of the first of 3.13, 3.12, 3.11 that runs
# TORCH_INDEX=<address>  one more package index for pip: see README

SHELL := /bin/sh
VENV_PYTHON := .venv/bin/python
PREPARE := sh course_lib/setup/prepare.sh
SOLUTIONS := $(wildcard notebooks/solutions/*.ipynb)
BROWSER_TESTS := $(wildcard tests/browser/test_*.py)

export PYTHON TORCH_INDEX
# Settings of the learner's other Python projects stay out, as far as they can reach an environment.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP
export PYTHONNOUSERSITE := 1

.PHONY: help lab test test-browser test-grading notebooks book figures badges bench

help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile

lab:
	@$(PREPARE) core
	@$(VENV_PYTHON) -m course_lib.setup.lab $(if $(PORT),--port "$(PORT)")

# Cheapest first; pytest itself fails where it finds no test at all.
test: export IPYTHONDIR := $(CURDIR)/.venv/ipython
test: export MPLBACKEND := Agg
test: export COURSE_PROGRESS := off
test:
	@$(PREPARE) test
	$(VENV_PYTHON) -m pytest -q tests/test_floors.py
	$(VENV_PYTHON) -m pytest -q -n 2 --dist loadfile tests --ignore tests/test_floors.py --ignore tests/browser
	$(VENV_PYTHON) -m course_lib.cli build --check
ifneq ($(SOLUTIONS),)
	$(VENV_PYTHON) -m pytest -q -n 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout 300 \
	    --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks/solutions
endif

test-browser:
ifeq ($(BROWSER_TESTS),)
	@echo "tests/browser is empty: there is no browser test to run yet."
else
	@$(PREPARE) test
	$(VENV_PYTHON) -m pytest -q -m browser tests/browser
endif

test-grading: export COURSE_PROGRESS := off
test-grading:
	@$(PREPARE) test
	$(VENV_PYTHON) -m pytest -q -m corpus tests/test_grading_corpus.py

notebooks:
	@$(PREPARE) test
	$(VENV_PYTHON) -m course_lib.cli build

book:
	@$(PREPARE) book
	$(VENV_PYTHON) -m course_lib.authoring.book

figures:
	@$(PREPARE) core
	$(VENV_PYTHON) -m figures

badges:
	@$(PREPARE) core
	@$(VENV_PYTHON) -m course_lib.authoring.badges $(REPO)

bench:
	@$(PREPARE) test
	$(VENV_PYTHON) tests/bench_tasks.py
	$(VENV_PYTHON) tests/bench_view.py
	$(VENV_PYTHON) tests/bench_methods.py --json figures/bench_methods.json
