"""A world in which explorers show in seconds what they look for: a note that tells, and a screen that says nothing."""

from functools import cache

import torch

from course_lib.bilingual import Bilingual
from course_lib.tasks import Tables, TableTask, TrialShape

NOTE, SCREEN = 4, 5  # actions; 0 to 3 open the doors
PICTURES = 16


@cache
def four_doors(pictures: int = PICTURES) -> TableTask:
    """A prize behind one of four doors, M = 4. Each action leads from anywhere to one place, and an episode has two.

    Execution ends at a door; the right one pays 1, all else costs 0.1. So who has read the note gets 1, and who has
    not found out reads it then: 0.9. Doors that were opened while exploring look all alike.
    """
    every = torch.arange(4)
    next_state = torch.arange(1, 7).expand(4, 7, 6)  # (M, S, A)
    reward = torch.full((4, 2, 7, 6), -0.1)
    reward[:, 0] = 0.0
    reward[every, 1, :, every] = 1.0
    ends = torch.zeros(1, 2, 7, dtype=torch.bool)
    ends[0, 1, 1:5] = True
    # Hall and doors, then four notes, then the pictures. In execution note and screen are the same as in exploration.
    sense = torch.tensor([[0, 1, 2, 3, 4, 5 + m, 9] for m in range(4)])
    shown = torch.tensor([1, 1, 1, 1, 1, 1, pictures])  # states: the hall, four doors, the note, the screen
    tables = Tables(next_state, reward, ends, sense, torch.eye(9 + pictures), start=0, pictures=shown)
    trial = TrialShape(horizon=2, instructed=(False, True), counted=(False, True))
    actions = ("door 1", "door 2", "door 3", "door 4", "read", "watch")
    title = Bilingual("네 개의 문", "Four doors")
    return TableTask("four-doors", title, tables, trial, actions, train=every, test=every)
