"""Readers of the data sets' own files, `read_files(task, split, language, data_root)`, and of the hub, `read_hub(task, split, language)`.

`available` and `hub_languages` say which languages there are. What is wrong with a file or table is told in one sentence (UsageError).
"""

from xstilts_core.readers.files import FILES, available, read_files
from xstilts_core.readers.hub import hub_languages, read_hub, require_hub
from xstilts_core.readers.pairs import read_mnli, read_pairs, read_xnli
from xstilts_core.readers.sentences import read_bucc, read_tatoeba
from xstilts_core.readers.spans import read_squad
from xstilts_core.readers.tags import read_ccg, read_conllu, read_panx

__all__ = [
    "FILES",
    "available",
    "hub_languages",
    "read_bucc",
    "read_ccg",
    "read_conllu",
    "read_files",
    "read_hub",
    "read_mnli",
    "read_pairs",
    "read_panx",
    "read_squad",
    "read_tatoeba",
    "read_xnli",
    "require_hub",
]
