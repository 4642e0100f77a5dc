"""A real JupyterLab, a real browser."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    """Chromium, the one that is installed. None is a reason to skip, but on CI a failure."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing = "No Chromium is installed; install it (Debian: apt install chromium) to run the browser tests."
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    from driving import Lab

    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def opened(lab, browser):
    """``opened(notebook)`` opens a notebook; afterwards its kernel is shut down and its tab closed."""
    from driving import Open

    all_opened = []

    def open_one(notebook: str | None = None) -> Open:
        one = Open(browser, lab.address if notebook is None else lab.at(notebook, secrets.token_hex(4)))
        all_opened.append(one)
        return one

    yield open_one
    for one in all_opened:
        one.close()
    lab.shut_down_kernels()
