"""Multiple choice: HellaSwag (which ending?), CosmosQA (read and reason) and CommonsenseQA (what is
typical?).

HellaSwag and CommonsenseQA ask about habits and facts of the pretraining world, which an encoder
can know only from its corpus. CosmosQA asks about a short text, and identifies persons by the
occupation that the text states.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from random import Random

from xstilts_core.examples import ChoiceExample
from xstilts_core.mini.grammar import Passage, Sentence, detokenise, passage, phrase
from xstilts_core.mini.lexicon import STATIVE_VERBS
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import asked_about, question_roles
from xstilts_core.mini.meaning import Entity, Fact, Meaning, persons
from xstilts_core.mini.world import ATTRIBUTES, World, pretraining_world, vocabulary

_TYPICAL, _UNUSUAL = 0.2, 0.05
"""Minimum probability of a typical value in the pretraining world, and maximum of an unusual
one."""
_LESS_USUAL = 0.12
"""The same maximum in HellaSwag, whose wrong endings are not absurd."""
_SURPRISING = 0.1
"""Share of the right endings of HellaSwag that are unusual: what happens is not always what is
expected, so that habits alone do not answer everything."""
_TYPICAL_SUBJECT, _UNUSUAL_SUBJECT = 0.15, 0.02


@dataclass(frozen=True, slots=True)
class _Choice(Item):
    """A context, an optional question, and candidate meanings, each told whole or only as its chunk
    `role`. `right` is the index of the gold one.

    topic: the subject of a question; all questions about it stay in one split.
    """

    context: Passage
    question: Sentence | None
    options: tuple[Meaning, ...]
    role: str | None
    right: int
    topic: object
    unit = property(attrgetter("topic"))

    @property
    def key(self) -> object:
        return (self.context, self.question, frozenset(self.options))


def _shuffled(
    random: Random,
    right: Meaning,
    wrong: Sequence[Meaning],
    *,
    topic: object,
    context: Passage = (),
    role: str | None = None,
) -> _Choice:
    """Return an item with its options in random order; with a role, its question asks for it."""
    options = [right, *wrong]
    random.shuffle(options)
    return _Choice(
        context=context,
        question=Sentence(right, role) if role else None,
        options=tuple(options),
        role=role,
        right=options.index(right),
        topic=topic,
    )


def _with(meaning: Meaning, role: str, values: Sequence[object]) -> list[Meaning]:
    """Return the meaning with each of the values in turn."""
    return [replace(meaning, **{role: value}) for value in values]


def _split_by_habit(
    world: World, kind: str, key: str, unusual: float = _UNUSUAL
) -> tuple[list[str], list[str]]:
    """Return the typical and the unusual items of a distribution of the world."""
    weights = world.preference(kind, key).weights.items()
    usual = [item for item, weight in weights if weight >= _TYPICAL]
    return usual, [item for item, weight in weights if weight <= unusual]


def _hellaswag(setting: Setting, world: World) -> Iterator[_Choice]:
    """Yield items that ask for the best ending. The context names a person and an action; endings
    cross two further actions with two places or times, of which one combination is usual in the
    pretraining world. The other place or time is usual for a third action, so that no part of an
    ending alone is a sign."""
    random = world.random
    habits = pretraining_world(setting.domain)
    person = world.person()
    role = random.choice(("place", "time"))
    said, *drawn = (world.draw("verb", person.concept) for _ in range(4))
    if len({said, *drawn}) < 4 or STATIVE_VERBS.intersection(drawn):
        return
    (usual, unusual), (_, elsewhere), (rivals, _) = (
        _split_by_habit(habits, role, verb, _LESS_USUAL) for verb in drawn
    )
    right = [value for value in usual if value in elsewhere]
    wrong = [value for value in rivals if value in unusual and value in elsewhere]
    if not right or not wrong:
        return
    first = world.event("hellaswag", person, said)
    event, other = (world.event("ending", person, verb) for verb in drawn[:2])
    values = [random.choice(right), random.choice(wrong)]
    if random.random() < _SURPRISING:
        values.reverse()
    ending, *others = _with(event, role, values) + _with(other, role, values)
    context = (Sentence(world.fact(person)), Sentence(first))
    yield _shuffled(random, ending, others, topic=(context, event), context=context)


def _cosmosqa(setting: Setting, world: World) -> Iterator[_Choice]:
    """Yield texts of facts and events with a question that names a person by occupation; wrong
    answers come from the text and from outside it."""
    random = world.random
    events = [world.event("cosmosqa", world.person()) for _ in range(2)]
    everyone = [name for event in events for name in persons(event)]
    if len(set(everyone)) < len(everyone) or events[0].verb == events[1].verb:
        return
    about = random.sample(events, 2)
    jobs = random.sample(world.occupations, 2)
    facts = [Fact(event.subject, "occupation", job) for event, job in zip(about, jobs, strict=True)]
    target = about[0]
    roles = [role for role in question_roles(target) if role in ("place", "time")]
    if not roles:
        return
    role = random.choice(roles)
    question = asked_about(random, replace(target, subject=Entity(jobs[0])), role)
    right = getattr(target, role)
    stated = dict.fromkeys(getattr(event, role) for event in events)
    inside = [value for value in stated if value not in (None, right)]
    outside = [value for value in vocabulary(role, setting.domain) if value not in (*inside, right)]
    wrong = _with(question, role, inside + random.sample(outside, 3 - len(inside)))
    context = [Sentence(clause) for clause in (*facts, *events)]
    random.shuffle(context)
    topic = (tuple(context), question)
    yield _shuffled(random, question, wrong, topic=topic, context=topic[0], role=role)


def _commonsense_habit(habits: World) -> _Choice | None:
    """Draw a question where or when something is usually done, or who usually does it."""
    random = habits.random
    subject = habits.subject("habit")
    role = random.choice(("place", "time", "subject"))
    if role == "subject":
        return _commonsense_subject(habits)
    event = habits.event("habit", subject)
    usual, unusual = _split_by_habit(habits, role, event.verb)
    if event.verb in STATIVE_VERBS or not usual or len(unusual) < 4:
        return None
    right = replace(event, **{role: random.choice(usual)})
    wrong = _with(event, role, random.sample(unusual, 4))
    return _shuffled(random, right, wrong, topic=(event.verb, role), role=role)


def _commonsense_subject(habits: World) -> _Choice | None:
    """Draw a question who usually does something."""
    random = habits.random
    worker = Entity(random.choice(habits.occupations))
    event = habits.event("habit", worker)
    chances = {
        person: habits.preference("verb", person).weights.get(event.verb, 0.0)
        for person in habits.occupations + habits.preference("name", "").items
    }
    usual = [person for person, chance in chances.items() if chance >= _TYPICAL_SUBJECT]
    unusual = [person for person, chance in chances.items() if chance <= _UNUSUAL_SUBJECT]
    if not usual or len(unusual) < 4:
        return None
    right, *wrong = (random.choice(usual), *random.sample(unusual, 4))
    if event.object is not None and event.object.concept in (right, *wrong):
        return None
    options = _with(event, "subject", [Entity(person) for person in (right, *wrong)])
    return _shuffled(random, options[0], options[1:], topic=(event.verb, right), role="subject")


def _commonsense_fact(habits: World) -> _Choice:
    """Draw a question about the city, employer, occupation or age of a well-known person."""
    attribute = habits.random.choice(ATTRIBUTES)
    person = habits.person(surname=0.0)
    fact = habits.fact(person, attribute)
    others: set[str | int] = set()
    while len(others) < 4:
        others |= {habits.value(attribute)} - {fact.value}
    wrong = _with(fact, "value", sorted(others, key=str))
    return _shuffled(habits.random, fact, wrong, topic=(person.concept, attribute), role="value")


def _commonsenseqa(setting: Setting, world: World) -> Iterator[_Choice]:
    """Yield questions about the pretraining world without a text; splits share no topic."""
    habits = pretraining_world(setting.domain).drawing(world.random)
    draw = _commonsense_fact if world.random.random() < 0.4 else _commonsense_habit
    item = draw(habits)
    if item is not None:
        yield item


def _tell(item: _Choice, language: str, domain: str, identity: str) -> ChoiceExample:
    """Return context, question and options in a language."""
    if item.role is None:
        options = tuple(passage((Sentence(option),), language, domain) for option in item.options)
    else:
        chunks = (phrase(option, language, item.role) for option in item.options)
        options = tuple(detokenise(tokens, language)[0] for tokens in chunks)
    return ChoiceExample(
        id=identity,
        context=passage(item.context, language, domain),
        question=passage((item.question,), language, domain) if item.question else "",
        choices=options,
        label=item.right,
    )


MAKERS = {
    "hellaswag": Maker(_hellaswag, _tell),
    "cosmosqa": Maker(_cosmosqa, _tell),
    "commonsenseqa": Maker(_commonsenseqa, _tell),
}
