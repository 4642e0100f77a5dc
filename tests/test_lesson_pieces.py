"""What lessons show besides prose: lines of real code, tables and pictures of recorded runs."""

import html
import re

import pytest
from course_lib.agents import dream
from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import cards, dreaming, results, show_lines


@pytest.fixture
def shown(monkeypatch):
    """Calls something and gives the text of what it displays."""

    def call(thing) -> str:
        collected = []
        monkeypatch.setattr(cards, "show", collected.append)
        thing()
        return html.unescape(re.sub(r"<[^>]+>", "", "".join(collected)))

    return call


def test_a_part_of_the_code_is_shown_as_it_stands_there(shown):
    text = shown(lambda: show_lines(dream.bottleneck, "upper bound", "return"))
    assert "from bottleneck in course_lib/agents/dream.py" in text
    assert "def bottleneck" not in text and "(code**2).sum(-1).mean()" in text


@pytest.mark.parametrize("first, last", [("no such line", "return"), ("upper bound", "no such line"), ("return", "def")])
def test_lines_that_are_no_longer_there_are_refused(first, last):
    with pytest.raises(CourseError, match="has no line with"):
        show_lines(dream.bottleneck, first, last)


def test_a_table_of_runs_tells_median_and_range_of_where_the_seeds_ended(shown):
    runs = {"a": {str(seed): [dict(gain=9.0), dict(gain=float(seed))] for seed in range(3)}, "not asked": {}}
    text = shown(lambda: results.table_of_runs(runs, {"a": Bilingual("가", "A")}, {"gain": Bilingual("이득", "gain")}))
    assert "1.00 (0.00 … 2.00)" in text and "9.00" not in text and "3" in text


@pytest.mark.parametrize("table", [dreaming.cost_table, dreaming.stop_gradient_table, results.coupling_table])
def test_recorded_tables_have_a_row_for_each_variant(table, shown):
    text = shown(table)
    assert len(re.findall(r"\(-?\d+\.\d\d … -?\d+\.\d\d\)", text)) >= 6


@pytest.mark.parametrize("figure", [dreaming.distractor_figure, results.coupling_figure])
def test_recorded_pictures_say_their_numbers_in_both_languages(figure):
    document = figure().data
    for language in ("ko", "en"):
        part = document[document.index(f'<div lang="{language}">') :]
        alternative = re.search(r'alt="([^"]+)"', part)[1]
        assert bool(re.search("[가-힣]", alternative)) is (language == "ko")
        assert re.search(r"\d\.\d\d", alternative)


def test_a_picture_has_every_seed(monkeypatch):
    runs = dreaming.dream_runs()
    drawn = []
    monkeypatch.setattr(dreaming, "image_of", lambda figure, alternative: drawn.append(figure) or "")
    dreaming.distractor_figure()
    points = [len(line.get_xdata()) for line in drawn[0].axes[0].lines if line.get_marker() in "os"]
    assert points == [len(runs[variant]) for variant in dreaming.SQUEEZED]
