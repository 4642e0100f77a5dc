"""Cooking: find out which drawer holds what, then put two ingredients into the bowl, in the order asked for.

A kitchen of 3 × 3 cells. The bowl stands in the middle, where every episode begins; along the right wall are
three drawers, each with one of four ingredients and never empty: 4³ = 64 problems. Nobody sees into a drawer;
what it holds shows only in the hand that has picked it up. A recipe is two ingredients that this kitchen has,
each from a drawer chosen uniformly, so one that lies in two drawers is asked for twice as often.

A recipe has four stages: the first ingredient in hand, in the bowl, the second in hand, in the bowl, which
ends the episode. A step costs 0.1, and one that completes a stage pays 0.25 instead. To pick up anything but
the ingredient that is due costs another 0.25, and so does letting go of the right one anywhere but in the bowl.

Source: DREAM (Liu, Raghunathan, Liang, Finn 2021), by the rules of the released ``envs/cooking.py`` and
``envs/grid.py``: 20 steps; problem number = the drawers' contents as digits of base 4, (2, 0) first; test is
problem 10 alone, training all others; picking up replaces what is in the hand, and in front of the bowl it
empties the hand; what is dropped outside the bowl is lost. (The comment there says 1 at the goal, but the code
pays the four stages; we follow the code.) Choices of ours:

- There the stage is a counter beside the environment. Here it is read off the hand, the bowl and the recipe:
  the two always agree (``tests/test_cooking.py`` plays both), so no state is spent on it.
- There the bowl has three places, here two: what is third can neither complete nor undo a recipe.
- There the exploration episode also ends on completing a recipe that was drawn in secret; here exploration
  asks for nothing, so only the clock and the action "end" stop it, and it pays nothing.
- The action "ride", which does nothing in a kitchen, is left out. A network receives numbers one-hot.

What the exact values say (``exact.planning``): with the kitchen known 0.399 in the mean over the training
problems, 0.467 in problem 10, 0.400 over all 64. One exploration episode is worth as much, since a look into
each drawer takes 7 steps of its 20. Without one 0.076: reading a recipe tells what the kitchen has, but not where
(0.219 where the recipe is twice the same ingredient, −0.067 where it is not).
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual
from course_lib.tasks.tables import Tables, TableTask
from course_lib.tasks.task import TrialShape

Cell = tuple[int, int]

SIDE = 3
BOWL: Cell = (1, 1)
DRAWERS: tuple[Cell, ...] = ((2, 0), (2, 1), (2, 2))
INGREDIENTS = (
    Bilingual("토마토", "tomato"),
    Bilingual("당근", "carrot"),
    Bilingual("치즈", "cheese"),
    Bilingual("가지", "aubergine"),
)
KINDS = len(INGREDIENTS)
NOTHING = KINDS  # in the hand, or at a place in the bowl
BOWLS = ((), *product(range(KINDS), repeat=1), *product(range(KINDS), repeat=2))  # what it may hold, in order

ACTIONS = ("right", "up", "left", "down", "wait", "pick up", "drop", "end")
MOVES = ((1, 0), (0, 1), (-1, 0), (0, -1))  # (x, y); y points up
PICK_UP, DROP, END = 5, 6, 7
STEP_COST, STAGE_REWARD, MISTAKE_COST, HORIZON, TEST_PROBLEM = 0.1, 0.25, 0.25, 20, 10


class Cooking(TableTask):
    """DREAM's kitchen. A state is (cell, hand, bowl); instruction 1 + 4·first + second is a recipe."""

    def __init__(self) -> None:
        every = torch.arange(KINDS ** len(DRAWERS))
        super().__init__(
            name="cooking",
            title=Bilingual("요리", "Cooking"),
            tables=cooking_tables(),
            trial=TrialShape(horizon=HORIZON, instructed=(False, True), counted=(False, True)),
            actions=ACTIONS,
            train=every[every != TEST_PROBLEM],
            test=every[every == TEST_PROBLEM],
            end_action=END,
            waiting_cost=STEP_COST,
        )

    def parts(self, state: int) -> tuple[Cell, int, tuple[int, ...]]:
        """A state as (the agent's cell, what is in its hand or NOTHING, what is in the bowl)."""
        state = int(state)
        cell, hand = state % SIDE**2, state // SIDE**2 % (KINDS + 1)
        return (cell % SIDE, cell // SIDE), hand, BOWLS[state // (SIDE**2 * (KINDS + 1))]

    def recipe(self, instruction: int) -> tuple[int, int] | None:
        """The two ingredients an instruction asks for, in order; None while exploring."""
        return divmod(int(instruction) - 1, KINDS) if instruction else None

    def contents(self, problem: int) -> tuple[int, ...]:
        """What each of ``DRAWERS`` holds in ``problem``."""
        return tuple(drawer_contents()[problem].tolist())


def state_of(cell: Cell, hand: int, bowl: tuple[int, ...]) -> int:
    """The inverse of ``Cooking.parts``."""
    return cell[0] + SIDE * (cell[1] + SIDE * (hand + (KINDS + 1) * BOWLS.index(bowl)))


def drawer_contents() -> Tensor:
    """The ingredient in each drawer of each problem: (M, 3) int64."""
    return torch.arange(KINDS ** len(DRAWERS))[:, None] // KINDS ** torch.arange(len(DRAWERS)) % KINDS


def cooking_tables() -> Tables:
    """Fill in the tables: M = 64 problems, I = 17 instructions, S = 9·5·21 states, A = 8 actions."""
    contents = drawer_contents()
    state = torch.arange(SIDE**2 * (KINDS + 1) * len(BOWLS))
    cell, hand, bowl = state % SIDE**2, state // SIDE**2 % (KINDS + 1), state // (SIDE**2 * (KINDS + 1))
    x, y = cell % SIDE, cell // SIDE
    places = torch.tensor([(*held, NOTHING, NOTHING)[:2] for held in BOWLS])[bowl]  # (S, 2)

    # Waiting and ending stay where they are: (M, S, A).
    next_state = state[None, :, None].repeat(len(contents), 1, len(ACTIONS))
    for action, (dx, dy) in enumerate(MOVES):
        to = (x + dx).clamp(0, SIDE - 1) + SIDE * (y + dy).clamp(0, SIDE - 1)
        next_state[:, :, action] = state - cell + to
    at_bowl = cell == BOWL[0] + SIDE * BOWL[1]
    empty_handed = state + (NOTHING - hand) * SIDE**2
    next_state[:, at_bowl, PICK_UP] = empty_handed[at_bowl]
    for drawer, (drawer_x, drawer_y) in enumerate(DRAWERS):
        here = cell == drawer_x + SIDE * drawer_y
        next_state[:, here, PICK_UP] = state[here] + (contents[:, drawer, None] - hand[here]) * SIDE**2
    next_state[:, :, DROP] = empty_handed
    for s in (at_bowl & (hand < NOTHING)).nonzero()[:, 0].tolist():
        held = BOWLS[int(bowl[s])]
        next_state[:, s, DROP] = state_of(BOWL, NOTHING, (*held, int(hand[s]))[:2])

    # Recipes: what is due in the hand or in the bowl, before and after each action.
    every = torch.arange(KINDS**2)[:, None]
    first, second = every // KINDS, every % KINDS  # (I − 1, 1) each
    begun = places[:, 0] == first  # (I − 1, S) the first ingredient is where it belongs
    cooked = begun & (places[:, 1] == second)
    due_in_hand = hand == torch.where(begun, second, first)  # (I − 1, S) what is due now is held
    picking = torch.arange(len(ACTIONS)) == PICK_UP  # (A,)
    reward = torch.zeros(len(contents), 1 + KINDS**2, len(state), len(ACTIONS))  # exploring pays nothing
    for recipe in range(KINDS**2):
        was_begun, was_held = begun[recipe][:, None], due_in_hand[recipe][:, None]  # (S, 1)
        due = torch.where(was_begun, second[recipe], first[recipe])  # (S, 1)
        holds = hand[next_state] == due  # (M, S, A)
        in_bowl = torch.where(was_begun, cooked[recipe][next_state], begun[recipe][next_state])
        advances = torch.where(was_held, in_bowl, holds)
        mistaken = ~advances & ~holds & (was_held | picking)  # lost what was due, or picked up something else
        pays = torch.where(advances, STAGE_REWARD, -STEP_COST)
        reward[:, 1 + recipe] = torch.where(mistaken, -STEP_COST - MISTAKE_COST, pays)

    ends = torch.zeros(1, 1 + KINDS**2, len(state), dtype=torch.bool)
    ends[0, 1:] = cooked
    one_hot = [F.one_hot(part, size).float() for part, size in _sensed_parts(x, y, hand, places)]
    return Tables(
        next_state=next_state,
        reward=reward,
        ends=ends,
        sense=state.expand(len(contents), -1),
        features=torch.cat(one_hot, dim=1),
        start=state_of(BOWL, NOTHING, ()),
        instruction_chance=recipe_chances(contents),
        instruction_features=torch.cat(
            [F.one_hot(every[:, 0] // KINDS), F.one_hot(every[:, 0] % KINDS), torch.eye(KINDS**2)], dim=1
        ),
    )


def _sensed_parts(x: Tensor, y: Tensor, hand: Tensor, places: Tensor) -> list[tuple[Tensor, int]]:
    """What is sensed, as the release has it: (numbers (S,), how many there are) of each part."""
    under = torch.zeros_like(x)  # what the agent stands at: 0 nothing, 1 the bowl, 2 a drawer
    under[(x == BOWL[0]) & (y == BOWL[1])] = 1
    for drawer_x, drawer_y in DRAWERS:
        under[(x == drawer_x) & (y == drawer_y)] = 2
    hands = [(part, KINDS + 1) for part in (hand, places[:, 0], places[:, 1])]
    return [(x, SIDE), (y, SIDE), (under, 3), *hands]


def recipe_chances(contents: Tensor) -> Tensor:
    """How often each recipe is asked for in each kitchen: (M, I), two drawers drawn with replacement."""
    share = F.one_hot(contents, KINDS).float().mean(dim=1)  # (M, KINDS)
    recipes = (share[:, :, None] * share[:, None, :]).flatten(1)  # (M, KINDS²)
    return torch.cat([torch.zeros(len(contents), 1), recipes], dim=1)
