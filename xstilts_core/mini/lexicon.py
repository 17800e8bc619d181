"""The words and rules of the embedded suite's languages, read from `lexicon/`.

`concepts.tsv` lists the concepts. `<code>.tsv` has one row of forms per concept: a cell contains
the form as written, several words are separated by spaces, and a word may state its own part of
speech ("in/ADP the/DET market/NOUN"). "-" means that the language has no such form for this
concept. `<code>.yaml` has the language's function words, word orders and sentences about facts, and
`preferences.yaml` the possible combinations of concepts.
"""

import csv
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from xstilts_core.errors import UsageError, unknown
from xstilts_core.tasks import EMBEDDED_LANGUAGES as LANGUAGES
from xstilts_core.tasks import GENERAL, OTHER_DOMAINS

_FOLDER = Path(__file__).with_name("lexicon")
ABSENT = "-"
Table = Mapping[str, Mapping[str, str]]
DOMAINS = (GENERAL, *OTHER_DOMAINS)
VERB_CLASSES = ("verb_transitive", "verb_person", "verb_intransitive")


def read_yaml(name: str) -> dict[str, Any]:
    """Return the content of a YAML file of the folder."""
    return yaml.load((_FOLDER / name).read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def _table(name: str) -> dict[str, dict[str, str]]:
    """Return a TSV file as concept -> column -> cell. Raise ValueError on a wrong width, an empty
    cell, or a concept with two rows."""
    with (_FOLDER / name).open(encoding="utf-8", newline="") as handle:
        header, *lines = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
    table: dict[str, dict[str, str]] = {}
    for number, cells in enumerate(lines, start=2):
        if len(cells) != len(header) or not all(cells):
            raise ValueError(
                f"{name}, line {number}: {cells!r} must fill the {len(header)} columns "
                f"{', '.join(header)} (write {ABSENT!r} for a form the language has not)"
            )
        if cells[0] in table:
            raise ValueError(f"{name}: concept {cells[0]!r} has two rows")
        table[cells[0]] = dict(zip(header[1:], cells[1:], strict=True))
    return table


def inventory() -> Table:
    """Return class, domain and `seen` of every concept, in the order of concepts.tsv. seen: "held"
    keeps a name out of pretraining and every training split, otherwise "open"."""
    return _table("concepts.tsv")


@cache
def concepts(
    class_name: str, domain: str | None = None, seen: str | None = None
) -> tuple[str, ...]:
    """Return the identifiers of a class, in file order.

    class_name: name_f, name_m, surname, city, organisation, occupation, animal, thing, mass,
    verb_transitive, verb_person, verb_intransitive, adjective, place, time, indefinite. domain:
    general, clinic or chat; None for all. seen: "open" for words that training may show, "held" for
    names reserved for development and test; None for all.
    """
    conditions, rows = {"class": class_name, "domain": domain, "seen": seen}, inventory()
    for column, value in conditions.items():
        legal = {row[column] for row in rows.values()}
        if value is not None and value not in legal:
            raise unknown(column, value, legal, "concepts.tsv")
    return tuple(
        concept
        for concept, row in rows.items()
        if all(value in (None, row[column]) for column, value in conditions.items())
    )


def _row(table: Table, concept: str, name: str) -> Mapping[str, str]:
    """Return a concept's row. Raise UsageError if the table lacks the concept."""
    if concept not in table:
        near = get_close_matches(str(concept), table, n=1)
        hint = f" did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"unknown concept {concept!r} in {name}:{hint} {len(table)} are legal")
    return table[concept]


@cache
def class_of(concept: str) -> str:
    """Return the class of a concept. Raise UsageError if the concept is unknown."""
    return _row(inventory(), concept, "concepts.tsv")["class"]


@cache
def kind_of(concept: str) -> str:
    """Return the class of a concept, where all first names are one: name."""
    return "name" if class_of(concept) in ("name_f", "name_m") else class_of(concept)


@cache
def forms(language: str) -> Table:
    """Return a language's rows: concept -> column -> cell. Every concept has exactly one row."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES, "the embedded suite's lexicons")
    name = f"{language}.tsv"
    table = _table(name)
    for concept in table:
        class_of(concept)
    missing = [concept for concept in inventory() if concept not in table]
    if missing:
        raise ValueError(
            f"{name}: no row for {', '.join(missing)} (every concept of concepts.tsv needs one)"
        )
    return table


def entry(language: str, concept: str) -> Mapping[str, str]:
    """Return the forms of a concept in a language: column -> cell, `ABSENT` if it lacks one."""
    return _row(forms(language), concept, f"{language}.tsv")


@cache
def names(language: str) -> frozenset[str]:
    """Return every written form of the proper names of persons, cities and organisations: case
    endings, and first name with surname."""

    def forms_of(*classes: str) -> list[str]:
        return [
            cell
            for name in classes
            for concept in concepts(name)
            for cell in entry(language, concept).values()
            if cell != ABSENT
        ]

    first, last = forms_of("name_f", "name_m"), forms_of("surname")
    full = (f"{first_name} {surname}" for first_name in first for surname in last)
    return frozenset([*first, *last, *forms_of("city", "organisation"), *full])


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
POSSIBLE = {
    "object": OBJECTS,
    "animal_object": ANIMAL_OBJECTS,
    "place": PLACES,
    "adjective": ADJECTIVES,
}
"""Kind of preference -> concept -> the items that it can have."""
USUAL = _TABLES["usual"]
EXCLUSIVE_TIMES = tuple(tuple(times.split()) for times in _TABLES["exclusive_times"])
"""Groups of mutually exclusive times, from which contradictions about time are made."""
RELATED_VERBS = [set(verbs.split()) for verbs in _TABLES["related_verbs"]]
FLATTER = _TABLES["flatter"]
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
