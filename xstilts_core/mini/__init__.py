"""The embedded suite: short texts in nine real languages, generated from one semantic grammar, so
that a study needs no download."""

VERSION = 3
"""Increase this when any generated text changes: results from older texts are then recomputed."""
