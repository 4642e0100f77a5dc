"""Badges come into README.md when the course has an address, and say how to get them before."""

import re

import pytest

from course_lib.authoring import badges
from course_lib.bilingual import CourseError

NOTEBOOKS = badges.ROOT / "notebooks"
README = (badges.ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_as_the_command_would_write_it():
    address = re.search(r"mybinder\.org/v2/gh/([^/]+/[^/]+)/HEAD", README)
    assert badges.with_badges(README, address and address[1], NOTEBOOKS) == README


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_lesson_has_its_badges(language):
    made = badges.block(language, "someone/course", NOTEBOOKS)
    lessons = sorted(path.name for path in NOTEBOOKS.glob("0*.ipynb"))
    assert len(lessons) == 6
    for place in (r"mybinder\.org/v2/gh/someone/course/HEAD\?urlpath=lab/tree/notebooks/(\S+?)\)",
                  r"colab\.research\.google\.com/github/someone/course/blob/HEAD/notebooks/(\S+?)\)"):  # fmt: skip
        assert re.findall(place, made) == lessons
    assert "!git clone https://github.com/someone/course course" in made


def test_it_can_be_done_again_with_another_address():
    once = badges.with_badges(README, "someone/course", NOTEBOOKS)
    assert once.count("someone/course") > 20
    assert badges.with_badges(once, "other/name", NOTEBOOKS) == badges.with_badges(README, "other/name", NOTEBOOKS)
    assert badges.with_badges(once, None, NOTEBOOKS).count("make badges") == 2


def test_what_cannot_be_is_a_sentence(capsys, monkeypatch, tmp_path):
    with pytest.raises(CourseError, match="once in Korean and once in English"):
        badges.with_badges("no marks", "someone/course", NOTEBOOKS)
    assert badges.main(["no address"]) == 2
    assert "owner/name" in capsys.readouterr().err
    monkeypatch.setattr(badges, "ROOT", tmp_path)  # a folder that came from nowhere
    assert badges.main([]) == 2
    assert "REPO=owner/name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "name"),
    [("https://github.com/someone/course.git", "someone/course"), ("git@github.com:a-b/c.d", "a-b/c.d"),
     ("https://example.org/someone/course", None), ("https://github.com/someone", None)],
)  # fmt: skip
def test_an_address_on_github_is_understood(url, name):
    found = badges.GITHUB.match(url)
    assert (found and found[1]) == name
