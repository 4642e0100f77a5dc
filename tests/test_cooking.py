"""Cooking: its tables against a slow kitchen that counts its stages, its values against exhaustive search."""

import copy
import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from course_lib.exact.explorers import shortest_exploration
from course_lib.exact.planning import Knowledge, optimal_values
from course_lib.exact.references import average_over_instructions, references_of
from course_lib.tasks import Drawn, make_task, play
from course_lib.tasks.cooking import KINDS, state_of
from course_lib.tasks.drawing import picture_of, text_of

RIGHT, UP, LEFT, DOWN, WAIT, PICK_UP, DROP, END = range(8)
DRAWERS = [(2, 0), (2, 1), (2, 2)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class SlowKitchen:
    """The rules once more, as the release has them: a bowl of three places, a stage that is counted."""

    def __init__(self, problem, recipe):
        self.drawers = dict(zip(DRAWERS, (problem % 4, problem // 4 % 4, problem // 16), strict=True))
        self.recipe, self.stage, self.clock = recipe, 0, 0
        self.at, self.hand, self.bowl = (1, 1), None, []

    def step(self, action):
        """Returns (reward, whether the episode ended)."""
        self.clock += 1
        x, y = self.at
        if action == RIGHT:
            self.at = min(x + 1, 2), y
        elif action == LEFT:
            self.at = max(x - 1, 0), y
        elif action == UP:
            self.at = x, min(y + 1, 2)
        elif action == DOWN:
            self.at = x, max(y - 1, 0)
        elif action == PICK_UP and self.at == (1, 1):
            self.hand = None
        elif action == PICK_UP and self.at in self.drawers:
            self.hand = self.drawers[self.at]
        elif action == DROP:
            if self.at == (1, 1) and self.hand is not None and len(self.bowl) < 3:
                self.bowl.append(self.hand)
            self.hand = None
        reward, cooked = self.judge(action)
        if action == END:
            reward -= 0.1 * (20 - self.clock)
        return (0.0 if self.recipe is None else reward), cooked or action == END or self.clock == 20

    def judge(self, action):
        if self.recipe is None:
            return 0.0, False
        due = self.recipe[self.stage // 2]
        if self.stage % 2 == 0:  # it is to be picked up
            if self.hand == due:
                self.stage += 1
                return 0.25, False
            return (-0.35 if action == PICK_UP else -0.1), False
        if tuple(self.bowl[: self.stage // 2 + 1]) == self.recipe[: self.stage // 2 + 1]:
            self.stage += 1
            return 0.25, self.stage == 4
        if self.hand != due:
            self.stage -= 1
            return -0.35, False
        return -0.1, False


def clumsy_cook(dice, task):
    """Knows the kitchen, and does what comes next seven times of ten; else anything."""

    def act(running):
        chosen = []
        for problem, state, asked in zip(running.problem, running.state, running.instruction, strict=True):
            (x, y), hand, bowl = task.parts(state)
            recipe, contents = task.recipe(asked), task.contents(problem)
            due = None if recipe is None or len(bowl) == 2 else recipe[len(bowl)]
            if due is None or dice.random() < 0.3:
                chosen.append(dice.choices(range(8), weights=[5, 2, 4, 2, 1, 7, 4, 0.15])[0])
            elif hand == due:
                chosen.append(UP if y < 1 else DOWN if y > 1 else LEFT if x > 1 else RIGHT if x < 1 else DROP)
            else:
                to = contents.index(due)
                chosen.append(RIGHT if x < 2 else UP if y < to else DOWN if y > to else PICK_UP)
        return torch.tensor(chosen)

    return act


def test_a_recipe_consists_of_a_first_a_second_ingredient_and_of_both():
    task = make_task("cooking")
    for number, parts in enumerate(task.tables.instruction_features):
        first, second = task.recipe(1 + number)
        assert parts.nonzero()[:, 0].tolist() == [first, KINDS + second, 2 * KINDS + number]
        assert parts.sum() == 3


def test_a_trial_is_what_the_slow_kitchen_says():
    task, dice = make_task("cooking"), random.Random(1)
    drawn = Drawn(task.tables, torch.arange(64).repeat_interleave(5))
    trials = play(task, drawn, generator(1), clumsy_cook(dice, task))
    cooked = mistakes = 0
    for lane, problem in enumerate(drawn.index.tolist()):
        slow, episode = None, -1
        for t in range(trials.action.shape[1]):
            if not trials.valid[lane, t]:
                continue
            if int(trials.episode[lane, t]) != episode:
                episode = int(trials.episode[lane, t])
                recipe = task.recipe(trials.instruction[lane, t])
                assert (recipe is None) == (episode == 0)
                assert recipe is None or set(recipe) <= set(task.contents(problem))  # one that can be cooked
                slow = SlowKitchen(problem, recipe)
            assert task.parts(trials.state[lane, t])[0] == slow.at
            reward, over = slow.step(int(trials.action[lane, t]))
            seen = task.parts(trials.arrived[lane, t])
            assert seen == (slow.at, 4 if slow.hand is None else slow.hand, tuple(slow.bowl[:2]))
            assert float(trials.reward[lane, t]) == pytest.approx(reward, abs=1e-6)
            assert bool(trials.done[lane, t]) == over
            cooked += slow.stage == 4
            mistakes += reward == -0.35
    assert cooked > 50 and mistakes > 100  # all of it came about


def test_problems_recipes_and_splits_are_those_published():
    task = make_task("cooking")
    assert task.problem_count == 64 and task.trial.horizon == 20
    assert task.splits["test"].tolist() == [10] and len(task.splits["train"]) == 63
    assert set(task.splits["train"].tolist()) == set(range(64)) - {10}
    assert task.contents(10) == (2, 2, 0)
    chance = task.tables.instruction_chance
    assert chance.sum(dim=1).allclose(torch.ones(64)) and not chance[:, 0].any()
    assert float(chance[10, 1 + 4 * 2 + 0]) == pytest.approx(2 / 9)
    assert task.recipe(0) is None and task.recipe(1 + 4 * 2 + 1) == (2, 1)
    running = task.begin(Drawn(task.tables, torch.full((3000,), 10)), generator())
    recipe = running._instruction[:, 1]
    assert float((recipe == 1 + 4 * 2 + 2).float().mean()) == pytest.approx(4 / 9, abs=0.04)


def test_a_drawer_shows_nothing_until_its_content_is_in_the_hand():
    task = make_task("cooking")
    tables = task.tables
    assert (tables.sense == tables.sense[:1]).all()  # no symbol tells of the problem
    assert len(tables.features.unique(dim=0)) == tables.states
    differs = (tables.next_state != tables.next_state[:1]).any(dim=0)  # (S, A)
    for state, action in differs.nonzero().tolist():
        assert action == PICK_UP and task.parts(state)[0] in DRAWERS
    assert int(differs.sum()) == 3 * 5 * 21
    for state in range(tables.states):
        assert state_of(*task.parts(state)) == state


# -- values --------------------------------------------------------------------------------------------------


def test_the_optimum_is_the_published_tasks():
    task = make_task("cooking")
    known = average_over_instructions(task.tables, optimal_values(task))
    assert float(known[task.splits["train"]].mean()) == pytest.approx(0.399, abs=5e-4)
    assert float(known[10]) == pytest.approx(0.467, abs=5e-4)
    # By hand: four stages pay 1, and each ingredient is carried from the nearest drawer that holds it.
    for problem in range(64):
        contents = task.contents(problem)
        near = [min(1 + abs(y - 1) for y in range(3) if contents[y] == kind) for kind in contents]
        assert float(known[problem]) == pytest.approx(1 - 0.4 * sum(near) / 3, abs=1e-5)


@cache
def knowledge():
    return Knowledge(make_task("cooking"))


def test_without_exploration_most_of_it_is_lost():
    # The ingredients' names mean nothing, so two recipes stand for all: the same twice, and two that differ.
    found = knowledge().start_values([1 + 4 * 0 + 0, 1 + 4 * 0 + 1])
    same, different = found[tuple(range(64))].tolist()
    twice = float(make_task("cooking").tables.instruction_chance[:, [1, 6, 11, 16]].sum(dim=1).mean())
    assert twice == pytest.approx(0.5)
    assert twice * same + (1 - twice) * different == pytest.approx(0.07604, abs=1e-4)
    known = optimal_values(make_task("cooking"))
    for problem in range(64):  # a set of one problem is that problem known
        for asked, value in zip((1, 2), found[(problem,)], strict=True):
            if make_task("cooking").tables.instruction_chance[problem, asked] > 0:
                assert float(value) == pytest.approx(float(known[problem, asked]), abs=1e-5)


def test_one_exploration_episode_finds_out_everything():
    task = make_task("cooking")
    looks = shortest_exploration(task)
    assert len(looks) == 7 and looks.tolist().count(PICK_UP) == 3
    trials = play(task, Drawn(task.tables, torch.arange(64)), generator(), Looks(looks))
    shown = trials.arrived[:, :7][:, looks == PICK_UP]  # (64, 3) what each look has put into the hand
    assert len(shown.unique(dim=0)) == 64
    # So the value with one exploration episode is that of knowing the kitchen: 0.4 in the mean over all 64.
    # The solver finds it too, here with another worth of each set: 1 where the kitchen is known, else 0.
    solved = knowledge().start_values([0], final={one: float(len(one) == 1) for one in knowledge().sets})
    assert float(solved[tuple(range(64))]) == pytest.approx(1.0)


class Looks:
    def __init__(self, actions):
        self.actions = actions

    def __call__(self, running):
        at = running.clock.clamp(max=len(self.actions) - 1)
        looking = (running.episode == 0) & (running.clock < len(self.actions))
        return torch.where(looking, self.actions[at], WAIT)


def test_values_are_those_of_exhaustive_search():
    task = copy.copy(make_task("cooking"))
    task.trial = replace(task.trial, horizon=6)
    instructions = [1, 2]
    found = Knowledge(task).start_values(instructions)
    tables = task.tables
    for asked, value in zip(instructions, found[tuple(range(64))].tolist(), strict=True):
        weight = tables.instruction_chance[:, asked].tolist()
        goes, pays = tables.next_state.tolist(), tables.reward[:, asked].tolist()
        cooked = tables.ends[0, asked].tolist()

        @cache
        def best(clock, state, possible):
            if clock == 6 or cooked[state]:
                return 0.0
            total, options = sum(weight[m] for m in possible), []
            for action in range(8):
                if action == END:
                    options.append(-0.1 * (6 - clock))
                    continue
                outcomes = {}
                for m in possible:
                    outcomes.setdefault(goes[m][state][action], []).append(m)
                options.append(
                    sum(
                        sum(weight[m] * pays[m][state][action] for m in group) / total
                        + sum(weight[m] for m in group) / total * best(clock + 1, arrived, tuple(group))
                        for arrived, group in outcomes.items()
                    )
                )
            return max(options)

        possible = tuple(m for m in range(64) if weight[m] > 0)
        assert value == pytest.approx(best(0, tables.start, possible), abs=1e-5)


def test_the_numbers_drawn_beside_a_training():
    expected = {"optimal_return": 7 / 15, "no_exploration_return": 0.07604}  # of problem 10; of all 64
    assert references_of(make_task("cooking")) == pytest.approx(expected, abs=1e-4)


# -- pictures ------------------------------------------------------------------------------------------------


def both(problems, actions, recipe):
    """Trials of these problems after these actions, all asked for the same recipe."""
    task = make_task("cooking")
    running = task.begin(Drawn(task.tables, torch.tensor(problems)), generator())
    running.set_instruction(torch.full((len(problems),), 1 + 4 * recipe[0] + recipe[1]))
    for action in actions:
        running.step(torch.full((len(problems),), action))
    return task, running


def test_the_picture_shows_a_drawers_content_only_to_the_hand_that_took_it():
    # Kitchens 0 and 4 differ in the middle drawer alone.
    after = ((), False), ((RIGHT,), False), ((RIGHT, PICK_UP), True), ((RIGHT, PICK_UP, DROP), False)
    for actions, told in after:
        task, running = both([0, 4], actions, (0, 0))
        first, second = (picture_of(task, running, lane) for lane in (0, 1))
        assert first.shape == (160, 120, 3) and first.dtype == np.uint8
        assert (first != second).any() == told
        assert (text_of(task, running, 0) != text_of(task, running, 1)) == told
    task, running = both([0], (RIGHT, PICK_UP), (0, 0))
    taken = picture_of(task, running)
    running.step(torch.tensor([WAIT]))
    assert (taken[80:120, 80:] != picture_of(task, running)[80:120, 80:]).any()  # the drawer has closed again
    assert (taken[:40] == picture_of(task, running)[:40]).all()


def test_the_recipe_is_drawn_only_when_it_is_asked_for():
    exploring = [picture_of(*both([0], (), recipe)) for recipe in ((0, 1), (2, 3))]
    assert (exploring[0] == exploring[1]).all()
    asked = [picture_of(*both([0], (END, WAIT), (a, b))) for a in range(4) for b in range(4)]
    for one in range(16):
        for other in range(one):
            assert (asked[one][:40] != asked[other][:40]).any()
    assert "토마토" in text_of(*both([0], (END, WAIT), (0, 1)))


def test_the_bowl_shows_what_lies_in_it_in_order():
    cook = (RIGHT, PICK_UP, LEFT, DROP, UP, RIGHT, PICK_UP, DOWN, LEFT, DROP)
    task, running = both([1 * 4 + 0 * 16, 0 * 4 + 1 * 16], cook, (0, 0))
    assert [task.parts(s)[2] for s in running.state] == [(1, 0), (0, 1)]
    assert (picture_of(task, running, 0)[80:120, 40:80] != picture_of(task, running, 1)[80:120, 40:80]).any()
