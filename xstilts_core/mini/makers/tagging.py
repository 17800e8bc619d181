r"""Tagging: parts of speech (UDPOS), named entities (PAN-X) and CCG-like supertags.

Held-out entities and lemmas (`lexicon.HELD_OUT_LEMMAS`) occur only in dev and test. A supertag
states what a word combines with, and on which side: `X/Y` looks for a Y to its right, `X\Y` to its
left (Steedman 2000). It follows from the roles, parts of speech and order of the words, so that one
rule serves every language. Subjects and objects are NP, and a bare noun with a determiner beside it
is N. Adjuncts modify the sentence (S/S before the subject) or the predicate ((S\NP)\(S\NP) after
the verb); a place after an object modifies one or the other, as drawn.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from xstilts_core.examples import TagsExample
from xstilts_core.mini.grammar import Sentence, tokens_of
from xstilts_core.mini.lexicon import HELD_OUT_LEMMAS
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import question_roles
from xstilts_core.mini.meaning import Entity, Fact, Joined, Tokens, concepts_of
from xstilts_core.mini.world import World

_NOMINAL = ("NOUN", "PROPN", "PRON")
_DETERMINING = ("DET", "NUM")
_PREDICATE = r"(S\NP)"
_FAMILIAR_SHARE = 0.2
"""Share of the sentences without a held-out lemma that a test of supertags keeps."""
_OF_OBJECT = 0.4
"""Share of the sentences of CCG where a place after an object modifies the object ("sees the doctor
in the garden"): an ambiguity that words do not settle, as in newspapers."""


@dataclass(frozen=True, slots=True)
class _Tagged(Item):
    """One sentence to tag. of_object: whether a place right after an object belongs to it."""

    sentence: Sentence
    of_object: bool = False

    @property
    def key(self) -> object:
        """The sentence without the chunk that a question asks for, which its words do not show."""
        event, role = self.sentence.meaning, self.sentence.ask
        if role is None:
            return self.sentence
        hidden = Entity("someone") if role == "subject" else None
        return (replace(event, front=None, **{role: hidden}), role)


def _draw_sentence(world: World, task: str) -> Sentence:
    """Draw a sentence. UDPOS: events, facts, joined clauses and some questions. PAN-X: mostly full
    names, cities and organisations. CCG: longer clauses."""
    random = world.random
    chance = random.random()
    if task == "panx":
        if chance >= 0.7:
            return Sentence(world.event("panx"))
        if chance < 0.4:
            return Sentence(_draw_fact(world, surname=0.6))
        first, second = _draw_fact(world, 0.5), _draw_fact(world, 0.5)
        if first.person.concept == second.person.concept:
            second = world.event("second_panx")
        return Sentence(Joined(first, second))
    if task == "ccg":
        clause = world.event("ccg")
        if chance < 0.5:
            return Sentence(clause)
        return Sentence(Joined(clause, world.event("second_ccg")))
    if chance < 0.15:
        event = world.event("asked_udpos")
        roles = question_roles(event)
        return Sentence(event, random.choice(roles) if roles else None)
    if chance < 0.35:
        return Sentence(world.fact())
    if chance < 0.7:
        return Sentence(world.event())
    second = world.fact() if chance < 0.8 else world.event("second_udpos")
    return Sentence(Joined(world.event(), second, random.choice(("and", "but"))))


def _draw_fact(world: World, surname: float) -> Fact:
    """Draw a fact about a person, whose probability of a surname is `surname`."""
    return world.fact(world.person(surname), world.random.choice(("city", "employer")))


def _draw(setting: Setting, world: World) -> Iterator[_Tagged]:
    """Yield a sentence; those of a training split have no held-out lemma, and those of a test of
    supertags mostly have one: a known word's category is easily remembered."""
    is_ccg = setting.task == "ccg"
    sentence = _draw_sentence(world, setting.task)
    is_new = not HELD_OUT_LEMMAS.isdisjoint(concepts_of(sentence.meaning))
    kept_without = _FAMILIAR_SHARE if setting.held_out and is_ccg else 1.0
    if setting.held_out if is_new else world.random.random() < kept_without:
        yield _Tagged(sentence, is_ccg and world.random.random() < _OF_OBJECT)


def _maker(tags: Callable[[Tokens, bool], tuple[str, ...]]) -> Maker:
    """Return the maker of a task. tags: the tags of tokens, given `_Tagged.of_object`."""

    def tell(item: _Tagged, language: str, domain: str, identity: str) -> TagsExample:
        tokens = tokens_of(item.sentence, language, domain)
        return TagsExample(
            identity, tuple(token.text for token in tokens), tags(tokens, item.of_object)
        )

    return Maker(_draw, tell)


def supertags(tokens: Tokens, of_object: bool = False) -> tuple[str, ...]:
    """Return one category per token. Clauses are split at the conjunction that links them;
    punctuation is ".", conjunctions are "conj". of_object: as in `_Tagged`."""
    tags = [""] * len(tokens)
    clause: list[int] = []
    for index, token in enumerate(tokens):
        if token.role == "-" and token.pos == "CCONJ":
            tags[index] = "conj"
            _tag_clause(tokens, clause, tags, of_object)
            clause = []
        elif token.pos == "PUNCT":
            tags[index] = "."
        elif token.pos == "INTJ":
            tags[index] = "S/S"
        else:
            clause.append(index)
    _tag_clause(tokens, clause, tags, of_object)
    return tuple(tags)


def _towards(category: str, before: bool) -> str:
    """Return the category of a modifier that stands before or after what it modifies."""
    return f"{category}/{category}" if before else rf"{category}\{category}"


def _tag_clause(tokens: Tokens, clause: list[int], tags: list[str], of_object: bool) -> None:
    """Fill in the categories of one clause."""
    chunks: dict[str, list[int]] = {}
    for index in clause:
        chunks.setdefault(tokens[index].role, []).append(index)
    verbs = chunks.get("V", [])
    verbs = [index for index in verbs if tokens[index].pos == "VERB"] or verbs
    verb = verbs[-1] if verbs else None
    subject = chunks["S"][-1] if "S" in chunks else -1
    pivot = verb if verb is not None else subject
    for role, chunk in chunks.items():
        if role in ("P", "T"):
            # Before the subject an adjunct modifies the sentence, otherwise the predicate.
            of_sentence = chunk[0] <= pivot and (chunk[0] < subject or subject < 0)
            category = "S/S" if of_sentence else _towards(_PREDICATE, chunk[0] <= pivot)
            if of_object and role == "P" and chunk[0] - 1 in chunks.get("O", []):
                category = r"NP\NP"
            _tag_adjunct(tokens, chunk, tags, category)
        elif role == "O" and verb is None:
            _tag_adjunct(tokens, chunk, tags, r"S\NP")
        elif role in ("S", "O"):
            _tag_noun_phrase(tokens, chunk, tags, "NP")
        else:
            # An auxiliary and a negation take the predicate.
            modified = _PREDICATE if role in ("V", "N") else "S"
            for index in chunk:
                tags[index] = _towards(modified, index < pivot)
    if verb is not None:
        tags[verb] = _verb_category(tokens, chunks, verb)


def _verb_category(tokens: Tokens, chunks: dict[str, list[int]], verb: int) -> str:
    """Return the verb's category, with slots for object (inner) and subject on their sides."""
    category = "S"
    if "S" in chunks:
        category = r"S\NP" if chunks["S"][0] < verb else "S/NP"
    if "O" in chunks:
        side = "/" if chunks["O"][0] > verb else "\\"
        predicative = tokens[verb].pos == "AUX" and tokens[chunks["O"][-1]].pos == "ADJ"
        return f"({category}){side}" + (r"(S[adj]\NP)" if predicative else "NP")
    return category


def _tag_noun_phrase(tokens: Tokens, chunk: list[int], tags: list[str], category: str) -> None:
    r"""Tag a noun phrase. The head, its last noun, name or pronoun, is N beside a determiner or
    number (which makes an NP of it), otherwise NP; its modifiers are N/N or N\N."""
    head = [index for index in chunk if tokens[index].pos in _NOMINAL] or chunk
    whole = category if category == "NP" else f"({category})"
    determiners = [index for index in chunk if tokens[index].pos in _DETERMINING]
    for index in chunk:
        before = index < head[-1]
        if index == head[-1]:
            tags[index] = "N" if determiners else category
        elif determiners and index == determiners[0]:
            tags[index] = f"{whole}/N" if before else rf"{whole}\N"
        else:
            modified = whole if tokens[index].pos == "ADP" else "N"
            tags[index] = _towards(modified, before)


def _tag_adjunct(tokens: Tokens, chunk: list[int], tags: list[str], category: str) -> None:
    """Tag an adjunct: an adposition makes one of its noun phrase; without an adposition the phrase
    itself is the adjunct."""
    adpositions = [index for index in chunk if tokens[index].pos == "ADP"]
    nouns = [index for index in chunk if index not in adpositions]
    if not adpositions or not nouns:
        _tag_noun_phrase(tokens, chunk, tags, category)
        return
    first, *others = adpositions
    tags[first] = f"({category})/NP" if first < nouns[0] else rf"({category})\NP"
    for index in others:
        tags[index] = _towards("NP", index < nouns[0])
    _tag_noun_phrase(tokens, nouns, tags, "NP")


MAKERS = {
    "udpos": _maker(lambda tokens, _: tuple(token.pos for token in tokens)),
    "panx": _maker(lambda tokens, _: tuple(token.ner for token in tokens)),
    "ccg": _maker(supertags),
}
