"""What a notebook cell calls."""

from course_lib.lesson.classics import classic_bandits_table, classic_mdps_table
from course_lib.lesson.dreaming import (
    completed,
    cost_table,
    distractor_figure,
    price_from_the_start_table,
    price_table,
    random_exploration_table,
    revealing_arm_figure,
    stop_gradient_table,
)
from course_lib.lesson.exercise import (
    card,
    check,
    exercise_is_solved,
    hint,
    progress,
    solution,
    yours_or_reference,
)
from course_lib.lesson.glossary import glossary
from course_lib.lesson.head_to_head import (
    exact_lanes,
    exact_predictions,
    finals_of,
    look,
    masked,
    results_figure,
    results_matrix,
    results_table,
    seeds_figure,
    ten_seeds,
    ten_times_figure,
    ten_times_table,
    what_a_method_needs,
    what_a_task_needs,
)
from course_lib.lesson.predict import predict, predicted
from course_lib.lesson.quiz import quiz
from course_lib.lesson.results import coupling_figure, coupling_table
from course_lib.lesson.start import recording, show_code, show_lines, start

__all__ = [
    "card",
    "check",
    "classic_bandits_table",
    "classic_mdps_table",
    "completed",
    "cost_table",
    "coupling_figure",
    "coupling_table",
    "distractor_figure",
    "exact_lanes",
    "exact_predictions",
    "exercise_is_solved",
    "finals_of",
    "glossary",
    "hint",
    "look",
    "masked",
    "predict",
    "predicted",
    "price_from_the_start_table",
    "price_table",
    "progress",
    "quiz",
    "random_exploration_table",
    "recording",
    "results_figure",
    "results_matrix",
    "results_table",
    "revealing_arm_figure",
    "seeds_figure",
    "show_code",
    "show_lines",
    "solution",
    "start",
    "stop_gradient_table",
    "ten_seeds",
    "ten_times_figure",
    "ten_times_table",
    "what_a_method_needs",
    "what_a_task_needs",
    "yours_or_reference",
]
