"""Two cities in which there is more to look at than to know.

In *noisy-tv* a screen stands two steps from the start of DREAM's map city. Whenever one stands before it, it shows a
picture, drawn uniformly at each step. The pictures are alike in all cities, so they tell nothing at all; and nobody can
predict them, whatever he knows. The map is four steps away in the other direction. Whoever explores what can't be
predicted has no reason ever to leave the screen. The problem with such a bonus, and the television as its picture, are
well known: Burda et al. 2018, "Large-Scale Study of Curiosity-Driven Learning", section 5.

*hurried-bus* is DREAM's distracting bus with an exploration too short to find out everything. With 20 steps there is
time for all buses that tell something, useful or not, so who wants to know everything loses nothing by it; with 10 to
13 he must choose.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.city import Cell, City, CityPlan, distracting_bus, map_city
from course_lib.tasks.tables import Tables, TableTask


class NoisyTV(City):
    """A city with a screen on one cell.

    Args:
        name, title, plan: as of any city.
        tv_cell: where the screen stands: no bus, no map and no goal.
        pictures: n, of which one is drawn, uniformly, at each step that is spent there.
    Raises:
        CourseError: pictures is no positive whole number.
    """

    def __init__(self, name: str, title: Bilingual, plan: CityPlan, tv_cell: Cell, pictures: int) -> None:
        if not isinstance(pictures, int) or isinstance(pictures, bool) or pictures < 1:
            raise CourseError(
                Bilingual(
                    f"{name}의 pictures에는 1 이상의 정수가 필요합니다. 받은 값: {pictures!r}.",
                    f"{name} needs a whole number of at least 1 for pictures. Got {pictures!r}.",
                )
            )
        super().__init__(name, title, plan)
        self.tv_cell, self.pictures = tv_cell, pictures
        TableTask.__init__(
            self,
            name=name,
            title=title,
            tables=with_screen(self.tables, self.state(tv_cell), pictures),
            trial=self.trial,
            actions=self.actions,
            train=self.splits["train"],
            test=self.splits["test"],
            end_action=self.end_action,
            waiting_cost=self.waiting_cost,
        )

    def watching(self, state: Tensor) -> Tensor:
        """Which states lie before the screen: (…) bool."""
        return state == self.state(self.tv_cell)


def with_screen(tables: Tables, state: int, pictures: int) -> Tables:
    """The same city with a screen in ``state``: n symbols more, told apart by a feature each."""
    symbols = len(tables.features)
    sense, shown = tables.sense.clone(), torch.ones(tables.states, dtype=torch.int64)
    sense[:, state], shown[state] = symbols, pictures
    where = tables.features[tables.sense[0, state]].expand(pictures, -1)  # (n, F) the cell itself
    features = torch.cat([F.pad(tables.features, (0, pictures)), torch.cat([where, torch.eye(pictures)], dim=1)])
    return replace(tables, sense=sense, features=features, pictures=shown)


def noisy_tv(pictures: int = 16) -> NoisyTV:
    """The map city with a screen at (3, 5). Optimum 0.8, walking 0.3, as without it."""
    title = Bilingual("지도와 텔레비전이 있는 도시", "City with a map and a television")
    return NoisyTV("noisy-tv", title, map_city().plan, tv_cell=(3, 5), pictures=pictures)


def hurried_bus(horizon: int = 11, train_every: int = 11) -> City:
    """The distracting bus with episodes of 11 steps. Optimum 0.8, walking 0.3, as with 20.

    Riding three useful buses takes 10 steps, and then all is known that execution has a use for. Two useful ones and
    two distractors take 11, and tell more about the city, log 144 nats against log 24; the best execution after them
    returns 0.7.

    Args:
        horizon: the steps of an episode; 20 is the distracting bus itself.
        train_every: every so many of the 576 problems is trained on, and the others are the test; with 1, all are both.
    """
    title = Bilingual("방해 버스가 있는 바쁜 도시", "City with distracting buses, in a hurry")
    return City("hurried-bus", title, replace(distracting_bus().plan, horizon=horizon, train_every=train_every))
