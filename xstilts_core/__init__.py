"""xstilts: intermediate-task transfer across languages, from pretraining to paper figures.

Nothing heavy is imported here. Import modules by name, e.g. ``from xstilts_core import analysis``.
"""

__version__ = "0.1.0"
