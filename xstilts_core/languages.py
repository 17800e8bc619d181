"""The languages of XTREME (40) and XTREME-R (50), one row each.

Use `LANGUAGES[code]`, or `language(code)` for a helpful error. Codes are XTREME's (ISO 639-1).
Which languages a task has is stated by the task, not by this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from xstilts_core.errors import UsageError, unknown

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


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        row.code: row
        for row in (
            Language(
                "af",
                "Afrikaans",
                "Latin",
                "Indo-European: Germanic",
                True,
                "none",
                1.3,
                "afr",
                "Afrikaans",
            ),
            Language("ar", "Arabic", "Arabic", "Afro-Asiatic", True, "VSO", 28.0, "ara", "Arabic"),
            Language("az", "Azerbaijani", "Latin", "Turkic", True, "SOV", 6.5, "aze", None),
            Language(
                "bg",
                "Bulgarian",
                "Cyrillic",
                "Indo-European: Slavic",
                True,
                "SVO",
                57.5,
                "bul",
                "Bulgarian",
            ),
            Language(
                "bn",
                "Bengali",
                "Bengali",
                "Indo-European: Indo-Aryan",
                True,
                "SOV",
                8.4,
                "ben",
                None,
            ),
            Language(
                "de",
                "German",
                "Latin",
                "Indo-European: Germanic",
                True,
                "none",
                66.6,
                "deu",
                "German",
            ),
            Language(
                "el", "Greek", "Greek", "Indo-European: Greek", True, "none", 46.9, "ell", "Greek"
            ),
            Language(
                "en",
                "English",
                "Latin",
                "Indo-European: Germanic",
                True,
                "SVO",
                300.8,
                "eng",
                "English",
            ),
            Language(
                "es",
                "Spanish",
                "Latin",
                "Indo-European: Romance",
                True,
                "SVO",
                53.3,
                "spa",
                "Spanish",
            ),
            Language("et", "Estonian", "Latin", "Uralic", True, "SVO", 6.1, "est", "Estonian"),
            Language("eu", "Basque", "Latin", "Basque", True, "SOV", 2.0, "eus", "Basque"),
            Language(
                "fa",
                "Persian",
                "Arabic",
                "Indo-European: Iranian",
                True,
                "SOV",
                111.6,
                "pes",
                "Persian",
            ),
            Language("fi", "Finnish", "Latin", "Uralic", True, "SVO", 54.3, "fin", "Finnish"),
            Language(
                "fr",
                "French",
                "Latin",
                "Indo-European: Romance",
                True,
                "SVO",
                56.8,
                "fra",
                "French",
            ),
            Language(
                "gu",
                "Gujarati",
                "Gujarati",
                "Indo-European: Indo-Aryan",
                True,
                "SOV",
                1.9,
                None,
                None,
            ),
            Language("he", "Hebrew", "Hebrew", "Afro-Asiatic", True, "SVO", 31.6, "heb", "Hebrew"),
            Language(
                "hi",
                "Hindi",
                "Devanagari",
                "Indo-European: Indo-Aryan",
                True,
                "SOV",
                20.2,
                "hin",
                "Hindi",
            ),
            Language(
                "ht",
                "Haitian Creole",
                "Latin",
                "French-based creole",
                True,
                "SVO",
                None,
                None,
                None,
            ),
            Language("hu", "Hungarian", "Latin", "Uralic", True, "none", 58.4, "hun", "Hungarian"),
            Language(
                "id", "Indonesian", "Latin", "Austronesian", True, "SVO", 148.3, "ind", "Indonesian"
            ),
            Language(
                "it",
                "Italian",
                "Latin",
                "Indo-European: Romance",
                True,
                "SVO",
                30.2,
                "ita",
                "Italian",
            ),
            Language(
                "ja", "Japanese", "Japanese", "Japonic", False, "SOV", 69.3, "jpn", "Japanese"
            ),
            Language("jv", "Javanese", "Latin", "Austronesian", True, "SVO", 0.2, "jav", None),
            Language("ka", "Georgian", "Georgian", "Kartvelian", True, "SOV", 9.1, "kat", None),
            Language("kk", "Kazakh", "Cyrillic", "Turkic", True, "SOV", 6.4, "kaz", "Kazakh"),
            Language("ko", "Korean", "Hangul", "Koreanic", True, "SOV", 54.2, "kor", "Korean"),
            Language(
                "lt",
                "Lithuanian",
                "Latin",
                "Indo-European: Baltic",
                True,
                "SVO",
                13.7,
                "lit",
                "Lithuanian",
            ),
            Language("ml", "Malayalam", "Malayalam", "Dravidian", True, "SOV", 7.6, "mal", None),
            Language(
                "mr",
                "Marathi",
                "Devanagari",
                "Indo-European: Indo-Aryan",
                True,
                "SOV",
                2.8,
                "mar",
                "Marathi",
            ),
            Language("ms", "Malay", "Latin", "Austronesian", True, "SVO", 8.5, None, None),
            Language("my", "Burmese", "Burmese", "Sino-Tibetan", False, "SOV", 0.4, None, None),
            Language(
                "nl",
                "Dutch",
                "Latin",
                "Indo-European: Germanic",
                True,
                "none",
                29.3,
                "nld",
                "Dutch",
            ),
            Language(
                "pa",
                "Punjabi",
                "Gurmukhi",
                "Indo-European: Indo-Aryan",
                True,
                "SOV",
                0.8,
                None,
                None,
            ),
            Language(
                "pl", "Polish", "Latin", "Indo-European: Slavic", True, "SVO", 44.6, "pol", "Polish"
            ),
            Language(
                "pt",
                "Portuguese",
                "Latin",
                "Indo-European: Romance",
                True,
                "SVO",
                49.1,
                "por",
                "Portuguese",
            ),
            Language("qu", "Quechua", "Latin", "Quechuan", True, "SOV", None, None, None),
            Language(
                "ro",
                "Romanian",
                "Latin",
                "Indo-European: Romance",
                True,
                "SVO",
                61.4,
                "ron",
                "Romanian",
            ),
            Language(
                "ru",
                "Russian",
                "Cyrillic",
                "Indo-European: Slavic",
                True,
                "SVO",
                278.0,
                "rus",
                "Russian",
            ),
            Language("sw", "Swahili", "Latin", "Niger-Congo", True, "SVO", 1.6, "swh", None),
            Language("ta", "Tamil", "Tamil", "Dravidian", True, "SOV", 12.2, "tam", "Tamil"),
            Language("te", "Telugu", "Telugu", "Dravidian", True, "SOV", 4.7, "tel", "Telugu"),
            Language("th", "Thai", "Thai", "Kra-Dai", False, "SVO", 71.7, "tha", "Thai"),
            Language("tl", "Tagalog", "Latin", "Austronesian", True, "VSO", 3.1, "tgl", "Tagalog"),
            Language("tr", "Turkish", "Latin", "Turkic", True, "SOV", 20.9, "tur", "Turkish"),
            Language(
                "uk",
                "Ukrainian",
                "Cyrillic",
                "Indo-European: Slavic",
                True,
                "SVO",
                84.6,
                "ukr",
                "Ukrainian",
            ),
            Language(
                "ur", "Urdu", "Arabic", "Indo-European: Indo-Aryan", True, "SOV", 5.7, "urd", "Urdu"
            ),
            Language(
                "vi",
                "Vietnamese",
                "Latin",
                "Austroasiatic",
                True,
                "SVO",
                137.3,
                "vie",
                "Vietnamese",
            ),
            Language("wo", "Wolof", "Latin", "Niger-Congo", True, "SVO", None, None, "Wolof"),
            Language("yo", "Yoruba", "Latin", "Niger-Congo", True, "SVO", None, None, "Yoruba"),
            Language("zh", "Chinese", "Han", "Sino-Tibetan", False, "SVO", 46.9, "cmn", "Chinese"),
        )
    }
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
    raise UsageError(f"{error} (another one: a row in xstilts_core/languages.py)")
