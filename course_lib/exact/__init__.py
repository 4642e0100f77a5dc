"""Ground truth: exact beliefs, values and information of every task small enough to have them."""

from course_lib.exact.bandits import bayes_optimal_return
from course_lib.exact.belief import exact_belief, possible_problems
from course_lib.exact.information import exploration_information, information_by_step
from course_lib.exact.planning import Knowledge, knowledge_of, optimal_values

__all__ = [
    "Knowledge", "bayes_optimal_return", "exact_belief", "exploration_information", "information_by_step",
    "knowledge_of", "optimal_values", "possible_problems",
]  # fmt: skip
