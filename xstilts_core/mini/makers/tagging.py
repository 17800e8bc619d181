"""Tagging: parts of speech (UDPOS), named entities (PAN-X) and CCG-like supertags.

Held-out entities and lemmas (`preferences.HELD_OUT_LEMMAS`) occur only in dev and test. A supertag
states what a word combines with, and on which side (Steedman 2000). It follows from the roles and
the order of the words, so that one rule serves every language.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from xstilts_core.examples import TagsExample
from xstilts_core.mini.grammar import realise
from xstilts_core.mini.makers.maker import Maker, Setting
from xstilts_core.mini.makers.paraphrase import question_roles
from xstilts_core.mini.makers.passage import Sentence, concepts_of
from xstilts_core.mini.makers.supertags import supertags
from xstilts_core.mini.meaning import Entity, Fact, Joined, Meaning
from xstilts_core.mini.preferences import HELD_OUT_LEMMAS
from xstilts_core.mini.world import World


@dataclass(frozen=True, slots=True)
class Tagged:
    """One sentence to tag."""

    sentence: Sentence

    @property
    def key(self) -> object:
        """The sentence without the chunk that a question asks for, which its words do not show."""
        event, role = self.sentence.meaning, self.sentence.ask
        if role is None:
            return self.sentence
        hidden = Entity("someone") if role == "subject" else None
        return (replace(event, front=None, **{role: hidden}), role)

    @property
    def unit(self) -> object:
        return self.key


def _draw_sentence(random: Random, world: World, task: str) -> Sentence:
    """Draw a sentence. UDPOS: events, facts, joined clauses and some questions. PAN-X: mostly full
    names, cities and organisations. CCG: longer clauses."""
    chance = random.random()
    if task == "panx":
        if chance < 0.4:
            return Sentence(_draw_fact(random, world, surname=0.6))
        if chance < 0.7:
            first, second = _draw_fact(random, world, 0.5), _draw_fact(random, world, 0.5)
            return Sentence(
                Joined(
                    first,
                    second
                    if first.person.concept != second.person.concept
                    else world.event(random, persons=1.0),
                )
            )
        return Sentence(world.event(random, persons=0.8, surname=0.6))
    if task == "ccg":
        clause = world.event(random, place=0.8, time=0.7, front=0.4)
        return Sentence(
            clause if chance < 0.5 else Joined(clause, world.event(random, place=0.5, front=0.0))
        )
    if chance < 0.15:
        event = world.event(random, negated=0.0, front=0.0)
        roles = question_roles(event)
        return Sentence(event, random.choice(roles) if roles else None)
    if chance < 0.35:
        return Sentence(world.fact(random))
    if chance < 0.7:
        return Sentence(world.event(random))
    second: Meaning = (
        world.fact(random) if chance < 0.8 else world.event(random, place=0.4, time=0.4, front=0.0)
    )
    return Sentence(Joined(world.event(random), second, random.choice(("and", "but"))))


def _draw_fact(random: Random, world: World, surname: float) -> Fact:
    """Draw a fact about a person, whose probability of a surname is `surname`."""
    return world.fact(random, world.person(random, surname), random.choice(("city", "employer")))


def candidates(setting: Setting, random: Random) -> Iterator[Tagged]:
    """Yield endless sentences; those of a training split have no held-out lemma."""
    world = setting.world()
    while True:
        sentence = _draw_sentence(random, world, setting.task)
        if setting.held_out or HELD_OUT_LEMMAS.isdisjoint(concepts_of(sentence.meaning)):
            yield Tagged(sentence)


def _tell_parts_of_speech(item: Tagged, language: str, domain: str, identity: str) -> TagsExample:
    """Return words with universal parts of speech."""
    tokens = realise(item.sentence.meaning, language, item.sentence.ask, domain)
    return TagsExample(
        identity, tuple(token.text for token in tokens), tuple(token.pos for token in tokens)
    )


def _tell_entities(item: Tagged, language: str, domain: str, identity: str) -> TagsExample:
    """Return words with BIO tags of persons, places and organisations."""
    tokens = realise(item.sentence.meaning, language, item.sentence.ask, domain)
    return TagsExample(
        identity, tuple(token.text for token in tokens), tuple(token.ner for token in tokens)
    )


def _tell_supertags(item: Tagged, language: str, domain: str, identity: str) -> TagsExample:
    """Return words with CCG-like categories."""
    tokens = realise(item.sentence.meaning, language, item.sentence.ask, domain)
    return TagsExample(identity, tuple(token.text for token in tokens), supertags(tokens))


UDPOS = Maker(candidates, _tell_parts_of_speech)
PANX = Maker(candidates, _tell_entities)
CCG = Maker(candidates, _tell_supertags)
