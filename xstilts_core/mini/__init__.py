"""The embedded suite: short texts in nine real languages made from one semantic grammar, so that a
study needs no download."""

VERSION = 1
"""Bump when any generated text changes: results that were made with older texts are made again."""
