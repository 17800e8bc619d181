"""Realisers, one module per language, turn a meaning into words; `clause.py` is their shared
part."""
