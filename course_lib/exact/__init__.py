"""Ground truth: exact beliefs, values and information of every task small enough to have them.

Each family has a room of its own, for what only it has: ``grid_navi``, ``point_robot``, ``random_mdps`` (with
``mdp_algorithms``), ``revealing_arm``, ``bandits`` (with ``bandit_algorithms`` and ``gittins``).
"""

from course_lib.exact.bandit_algorithms import BanditPlayer, play_bandits
from course_lib.exact.bandits import (
    bandit_belief,
    bandit_information,
    bayes_optimal_policy,
    bayes_optimal_return,
)
from course_lib.exact.belief import exact_belief, possible_problems
from course_lib.exact.explorers import shortest_exploration, sufficient_exploration
from course_lib.exact.gittins import gittins_indices
from course_lib.exact.information import (
    exploration_information,
    information_about,
    information_by_step,
    policy_information,
)
from course_lib.exact.mdp_algorithms import MDPPlayer, play_mdps
from course_lib.exact.pearl_upper_bound import chance_of_standing_on, pearl_upper_bound, redrawn_each_step
from course_lib.exact.planning import Knowledge, knowledge_of, optimal_values, rewards_tell_more, why_not_exact
from course_lib.exact.posterior_sampling import PosteriorSampling, sampled_returns
from course_lib.exact.random_mdps import mdp_belief, mdp_information, mdp_values
from course_lib.exact.references import perfect_exploration, references_of

__all__ = [
    "BanditPlayer", "Knowledge", "MDPPlayer", "PosteriorSampling", "bandit_belief", "bandit_information",
    "bayes_optimal_policy", "bayes_optimal_return", "chance_of_standing_on", "exact_belief",
    "exploration_information", "gittins_indices", "information_about", "information_by_step", "knowledge_of",
    "mdp_belief", "mdp_information", "mdp_values", "optimal_values", "pearl_upper_bound", "perfect_exploration",
    "play_bandits", "play_mdps", "policy_information", "possible_problems", "redrawn_each_step",
    "references_of", "rewards_tell_more", "sampled_returns", "shortest_exploration", "sufficient_exploration", "why_not_exact",
]  # fmt: skip
