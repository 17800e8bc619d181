"""Lessons for a course: exercises whose answers are computed from the suite, and a checker that
gives hints but never the solution.

exercise     kinds of exercises: Number, Choice, Names, Written; feedback on an answer
check        `check.<exercise>(answer)`; comparison of predictions with measurements
small_study  run a study of a few seconds in this process

Each lesson is a module with the content of its notebook in notebooks/lessons/ and a function
`check()` that returns its exercises.
"""

from course.check import Check, compare
from course.exercise import Choice, Exercise, Feedback, Names, Number, Written

__all__ = ["Check", "Choice", "Exercise", "Feedback", "Names", "Number", "Written", "compare"]
