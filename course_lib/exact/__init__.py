"""Ground truth: exact beliefs, values and information of every task small enough to have them."""

from course_lib.exact.bandit_algorithms import BanditPlayer, play_bandits
from course_lib.exact.bandits import (
    bandit_belief,
    bandit_information,
    bayes_optimal_policy,
    bayes_optimal_return,
)
from course_lib.exact.belief import exact_belief, possible_problems
from course_lib.exact.gittins import gittins_indices
from course_lib.exact.information import (
    exploration_information,
    information_about,
    information_by_step,
    policy_information,
)
from course_lib.exact.planning import Knowledge, knowledge_of, optimal_values

__all__ = [
    "BanditPlayer", "Knowledge", "bandit_belief", "bandit_information", "bayes_optimal_policy",
    "bayes_optimal_return", "exact_belief", "exploration_information", "gittins_indices",
    "information_about", "information_by_step", "knowledge_of", "optimal_values", "play_bandits", "policy_information",
    "possible_problems",
]  # fmt: skip
