"""Readers of the data sets' own files: `read_files(task, split, language, data_root)` and `available(task, split, data_root)`.

Every reader takes paths and returns examples; what is wrong with a file is told in one sentence (UsageError).
"""

from xstilts_core.readers.files import FILES, available, read_files
from xstilts_core.readers.pairs import read_mnli, read_pairs, read_xnli
from xstilts_core.readers.sentences import read_tatoeba
from xstilts_core.readers.spans import read_squad
from xstilts_core.readers.tags import read_conllu, read_panx

__all__ = [
    "FILES",
    "available",
    "read_conllu",
    "read_files",
    "read_mnli",
    "read_pairs",
    "read_panx",
    "read_squad",
    "read_tatoeba",
    "read_xnli",
]
