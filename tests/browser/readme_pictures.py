"""Take the pictures of the README from the real thing: ``python tests/browser/readme_pictures.py``.

It needs Chromium, plays a round in the city, trains RL² for a minute or two, and writes figures/readme_*.png.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from conftest import BROWSERS, QUIET
from driving import ROOT, Lab, Open, Watched, until
from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH = 1280
UPDATES = 150  # by then it walks
COLOURS = 256  # a picture of an interface needs no more, and stays small

GAME = """\
from course_lib.lesson.language import language_switch
from course_lib.views.city import explore_city

display(language_switch())
game = explore_city("map", seed=3)
game.step("up", "ride")
game
"""

TRAINING = """\
from course_lib.bilingual import Bilingual
from course_lib.lesson import recording
from course_lib.lesson.language import language_switch
from course_lib.training import stream
from course_lib.views.live import live

display(language_switch())
title = Bilingual("도시에서 RL²", "RL² in the city")
view = live(stream("rl2", "map", seed=0), title=title, recorded=recording("rl2_map"))
"""


def save(name: str, *pictures: bytes) -> None:
    """One picture, or several beside each other, with few colours."""
    opened = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    whole = Image.new("RGB", (sum(p.width for p in opened), max(p.height for p in opened)), "white")
    left = 0
    for picture in opened:
        whole.paste(picture, (left, 0))
        left += picture.width
    if whole.width > WIDTH:
        whole = whole.resize((WIDTH, round(whole.height * WIDTH / whole.width)), Image.Resampling.LANCZOS)
    path = ROOT / "figures" / name
    whole.quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {whole.width}×{whole.height}  {path.stat().st_size / 1000:.0f} kB")


def take(browser, lab: Lab) -> None:
    game = Open(browser, lab.at(lab.write("game.ipynb", GAME), "game"))
    city = game.run("explore_city(").locator(".cx")
    game.speak("한국어")
    city.focus()
    game.page.wait_for_timeout(800)
    game.page.mouse.move(0, 0)
    save("readme_city.png", city.screenshot())
    game.close()

    training = Open(browser, lab.at(lab.write("training.ipynb", TRAINING), "training"), height=1400)
    view = Watched(training.run("live("))
    training.speak("English")
    until(lambda: view.has_frame and int(view.steps.replace(",", "")) >= UPDATES, 300, f"update {UPDATES}")
    view.press("pause")  # the panel that is drawn least often is then drawn too
    view.wait_for("paused")
    view.root.locator("[data-panel=probe]").wait_for()
    save("readme_live.png", view.root.screenshot())
    training.close()

    lesson = Open(browser, lab.at("notebooks/01_end_to_end.ipynb", "lesson"), width=900, height=760)
    lesson.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lesson.run('start("01")')
    halves = []
    for label in ("한국어", "English"):
        lesson.speak(label)
        lesson.cell('start("01")').locator(".jp-OutputArea").scroll_into_view_if_needed()
        lesson.page.evaluate(
            """() => {
                const outer = document.querySelector(".jp-WindowedPanel-outer");
                outer.scrollTop += document.querySelector(".course-card").getBoundingClientRect().top
                    - outer.getBoundingClientRect().top - 12;
            }"""
        )
        lesson.page.mouse.move(0, 0)
        lesson.page.wait_for_timeout(500)
        halves.append(lesson.page.locator(".jp-WindowedPanel-outer").screenshot())
    save("readme_languages.png", *halves)
    lesson.close()


def main() -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        lab = Lab(Path(folder))
        try:
            lab.start()
            take(browser, lab)
        finally:
            lab.stop()
            browser.close()


if __name__ == "__main__":
    main()
