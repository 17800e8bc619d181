"""The embedded suite: short texts in nine real languages made from one semantic grammar, so that a study needs no download."""
