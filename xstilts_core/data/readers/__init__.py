"""Read the data sets' own files, `read_files(task, split, language, data_root)`, and the hub,
`read_hub(task, split, language)`.

`available` and `hub_languages` return the languages that exist. A problem in a file or table is
reported in one sentence (UsageError).
"""

from xstilts_core.data.readers.conllu import read_conllu, read_treebanks
from xstilts_core.data.readers.files import (
    FILES,
    available,
    find_files,
    is_scrap,
    pool_files,
    read_files,
    read_pool,
)
from xstilts_core.data.readers.hub import fetch, hub_data, hub_languages, read_hub, read_hub_texts
from xstilts_core.data.readers.sentences import read_bucc, read_tatoeba
from xstilts_core.data.readers.spans import read_squad
from xstilts_core.data.readers.tables import read_xtreme_pairs
from xstilts_core.data.readers.tags import read_ccg, read_panx

__all__ = [
    "FILES",
    "available",
    "fetch",
    "find_files",
    "hub_data",
    "hub_languages",
    "is_scrap",
    "pool_files",
    "read_bucc",
    "read_ccg",
    "read_conllu",
    "read_files",
    "read_hub",
    "read_hub_texts",
    "read_panx",
    "read_pool",
    "read_squad",
    "read_tatoeba",
    "read_treebanks",
    "read_xtreme_pairs",
]
