"""Possible combinations of concepts in the embedded suite, from `lexicon/preferences.yaml`: the
objects and places of a verb, and the adjectives of a noun."""

from xstilts_core.mini.lexicon import read_yaml

_TABLES = read_yaml("preferences.yaml")
_GROUPS: dict[str, str] = {}
for _name, _text in _TABLES["groups"].items():
    _GROUPS[_name] = _text.format_map(_GROUPS)


def _items(table: str) -> dict[str, tuple[str, ...]]:
    """Return a table: concept -> items, in the order of the file."""
    return {
        concept: tuple(text.format_map(_GROUPS).split()) for concept, text in _TABLES[table].items()
    }


def _set(name: str) -> frozenset[str]:
    return frozenset(_TABLES["sets"][name].split())


OBJECTS, ANIMAL_OBJECTS, PLACES = _items("objects"), _items("animal_objects"), _items("places")
ANYWHERE = tuple(_GROUPS["everywhere"].split())
ADJECTIVES: dict[str, tuple[str, ...]] = {}
"""Noun -> adjectives."""
for _adjective, _nouns in _items("nouns").items():
    for _noun in _nouns:
        ADJECTIVES[_noun] = (*ADJECTIVES.get(_noun, ()), _adjective)
USUAL: dict[str, dict[str, str]] = _TABLES["usual"]
"""Kind of preference -> concept -> its usual item in a world of lasting habits."""
EXCLUSIVE_TIMES = tuple(tuple(times.split()) for times in _TABLES["exclusive_times"])
"""Groups of mutually exclusive times, from which contradictions about time are made."""
ANIMAL_VERBS, ANIMAL_PLACES = _set("animal_verbs"), _set("animal_places")
STATIVE_VERBS = _set("stative_verbs")
"""Verbs of lasting states, which have no place and no time."""
MEDICAL_VERBS, MEDICAL_OCCUPATIONS = _set("medical_verbs"), _set("medical_occupations")
TIMES_WITHOUT_NEVER = _set("times_without_never")
"""Times that cannot be combined with "never"."""
HELD_OUT_LEMMAS = _set("held_out_lemmas")
"""About a tenth of the nouns, verbs and adjectives. They occur in the pretraining corpus and in dev
and test, but never in a training split of a tagging task, so that tagging English is not only a
look-up of known words."""
