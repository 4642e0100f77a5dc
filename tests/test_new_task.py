"""The page on how to write a new task, followed to the letter: its text is what runs here."""

import importlib
import inspect
import json
import textwrap
import tokenize
from io import StringIO

import gymnasium
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import course_lib
from course_lib import cli, tasks, training
from course_lib.agents import rl2
from course_lib.exact import exact_belief, exploration_information, knowledge_of, optimal_values
from course_lib.exact.explorers import shortest_exploration
from course_lib.exact.references import references_of
from course_lib.tasks import TASKS, make_task, play
from course_lib.views import panels

READ = 3


def page():
    """The example of the docstring: the indented block after the only line that ends in two colons."""
    before, _, after = inspect.getdoc(tasks).partition("::\n")
    assert before and after and "::\n" not in after
    block = []
    for line in after.splitlines():
        if line and not line.startswith("    "):
            break
        block.append(line)
    return textwrap.dedent("\n".join(block)).strip() + "\n"


def code_lines(source):
    """The lines on which there is code: no blank ones, no mere comments."""
    no_code = ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER")
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    found = [token for token in tokens if tokenize.tok_name[token.type] not in no_code]
    return {line for token in found for line in range(token.start[0], token.end[0] + 1)}


@pytest.fixture(scope="module")
def task():
    """The task of the page, registered as the page does it, and forgotten again."""
    dictionaries = (TASKS, rl2.SETTINGS, gymnasium.registry)
    kept = [dict(one) for one in dictionaries]
    exec(compile(page(), "course_lib/tasks/__init__.py", "exec"), {"__name__": "page"})
    yield make_task("three-doors")
    for one, before in zip(dictionaries, kept, strict=True):
        one.clear()
        one.update(before)


def test_it_is_twenty_lines():
    source = page()
    assert len(code_lines(source)) <= 20
    assert ";" not in source and max(len(line) for line in source.splitlines()) <= 106  # nor folded
    assert len(code_lines("a = 1\n\n# no\nb = [\n  2,\n]  # yes\n")) == 4  # the counting itself


def test_it_is_played(task):
    drawn, note = task.each(), torch.full((3,), READ)
    actions = iter([note, note, note, drawn.index])  # reading twice, a pause, the door
    trials = play(task, drawn, torch.Generator().manual_seed(0), lambda running: next(actions))
    assert trials.valid.tolist() == [[True, True, False, True]] * 3
    assert trials.symbol[:, 1].tolist() == [4, 5, 6]
    assert trials.returns(task.trial).tolist() == [1.0] * 3


def test_the_belief_is_exact(task):
    def act(running):  # explore: a door, which shows nothing, then the note
        return torch.where(running.clock == 0, 0, READ)

    trials = play(task, task.each(), torch.Generator().manual_seed(0), act)
    belief = exact_belief(task.tables, trials)
    assert belief[:, :2].allclose(torch.full((3, 2, 3), 1 / 3))
    assert belief[:, 2].equal(torch.eye(3))
    assert exploration_information(task.tables, trials).allclose(torch.tensor(3.0).log())


def test_its_values_are_those_the_page_names(task):
    assert optimal_values(task)[:, 1].tolist() == [1.0] * 3
    assert knowledge_of(task).no_exploration == pytest.approx(0.5)
    assert knowledge_of(task).with_exploration == pytest.approx(1.0)
    assert references_of(task) == pytest.approx({"optimal_return": 1.0, "no_exploration_return": 0.5})
    assert shortest_exploration(task).tolist() == [READ]
    assert "gets 1.0" in inspect.getdoc(tasks) and "at best 0.5" in inspect.getdoc(tasks)


@pytest.mark.parametrize("env_id", ["course_lib/ThreeDoors-v0", "course_lib/ThreeDoorsTrial-v0"])
def test_gymnasium_knows_it(task, env_id):
    env = gymnasium.make(env_id)
    check_env(env.unwrapped, skip_render_check=True)
    many = gymnasium.make_vec(env_id, num_envs=3)
    observation, _ = many.reset(seed=0)
    assert observation.shape == (3, *env.observation_space.shape)
    assert many.step(many.action_space.sample())[1].shape == (3,)


def test_it_is_trained_and_seen(task, tmp_path):
    out = tmp_path / "out.json"
    assert cli.main(["train", "rl2", "three-doors", "--updates", "1", "--json", str(out)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["optimal_return"] == 1.0 and result["no_exploration_return"] == pytest.approx(0.5)
    snapshots = list(training.stream("rl2", "three-doors"))
    assert snapshots[-1].metrics["test_return"] == pytest.approx(1.0)  # it has learned to read the note first
    shown = panels.frame(snapshots[-1], [], task)
    assert shown["actions"] == ["door 1", "door 2", "door 3", "read"] and shown["problems"] == 3


def test_what_the_page_names_is_there():
    for name in ("transition", "reward_noise", "instruction_chance"):
        assert name in tasks.Tables.__dataclass_fields__
    assert isinstance(course_lib.ENVIRONMENTS, dict)
    importlib.import_module("course_lib.tasks.bring")
    assert importlib.import_module("course_lib.tasks.drawing").DRAWN_BY
