"""The languages of XTREME (40) and XTREME-R (50): a row each in languages.yaml.

Use `LANGUAGES[code]`, or `language(code)` for a helpful error. Codes are XTREME's (ISO 639-1).
Which languages a task has is stated by the task, not by this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import yaml

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.strict_yaml import FastLoader

_WordOrder = Literal["SVO", "SOV", "VSO", "none"]
_ResourceLevel = Literal["high", "mid", "low"]

_HIGH_GIB = 20.0
_MID_GIB = 2.0


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    script: the writing system of the benchmark texts. family: family, and branch for Indo-European.
    whitespace: whether words are separated by spaces (Vietnamese puts spaces between syllables and
    counts as yes). word_order: order of subject, object and verb (Dryer, WALS feature 81A; "none":
    no dominant order, as in German, Dutch and Hungarian). Arabic is the written standard. If WALS
    lists several varieties (Quechua, Malay), their common value is used. xlmr_gib: text of the
    language in XLM-R's pretraining corpus CC-100, in GiB (Conneau et al. 2020, Table 6), None if it
    has none. Only the row of the benchmark's own script counts: not romanized text, traditional
    Chinese or Burmese in Zawgyi. tatoeba: the ISO 639-3 code in the names of Tatoeba's files, None
    if XTREME-R uses no Tatoeba data of the language. treebank: the language's name in Universal
    Dependencies folders (UD_<treebank>-...), None if XTREME-R uses none.
    """

    code: str
    name: str
    script: str
    family: str
    whitespace: bool
    word_order: _WordOrder
    xlmr_gib: float | None
    tatoeba: str | None
    treebank: str | None

    @property
    def resource_level(self) -> _ResourceLevel:
        """Return how much text XLM-R saw: high from 20 GiB, mid from 2 GiB, low below that or
        without any."""
        if self.xlmr_gib is None or self.xlmr_gib < _MID_GIB:
            return "low"
        return "high" if self.xlmr_gib >= _HIGH_GIB else "mid"

    @property
    def file_names(self) -> dict[str, str | None]:
        """Return how files and data sets name the language, by the placeholder in their paths."""
        return {
            "code": self.code,
            "name": self.name.lower(),
            "tatoeba": self.tatoeba,
            "treebank": self.treebank,
        }


_ROWS = yaml.load(Path(__file__).with_suffix(".yaml").read_text("utf-8"), FastLoader)
LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {code: Language(code, *row) for code, row in _ROWS.items()}
)

# Languages of the embedded suite, English first.
EMBEDDED_LANGUAGES = ("en", "de", "es", "bg", "tr", "hi", "zh", "id", "sw")


def language(code: str, where: str = "") -> Language:
    """Return the language of a code. Raise UsageError naming the nearest code if there is none.

    The error for a full name ("German") or the ISO 639-3 code of a file name ("deu") suggests its
    code. where: the file or option that gave the code.
    """
    if code in LANGUAGES:
        return LANGUAGES[code]
    query = str(code).strip().lower()
    for row in LANGUAGES.values():
        if query in (row.code, row.name.lower(), row.tatoeba):
            raise unknown("language", code, (row.code,), where)
    error = unknown("language", code, LANGUAGES, where)
    raise UsageError(f"{error} (another one: a row in xstilts_core/languages.yaml)")
