"""Lessons for a course: exercises whose answers are computed from the suite, and a checker that
gives hints and never the solution.

exercise     kinds of exercises: Number, Choice, Names, Written; what is said to an answer
check        `check.<exercise>(answer)`; predictions beside what was measured
small_study  a study run here, in this process, in seconds

Each lesson is a module of its own: what its notebook in notebooks/lessons/ shows, and `check()`
with its exercises.
"""

from xstilts_core.lessons.check import Check, compare
from xstilts_core.lessons.exercise import Choice, Exercise, Feedback, Names, Number, Written

__all__ = ["Check", "Choice", "Exercise", "Feedback", "Names", "Number", "Written", "compare"]
