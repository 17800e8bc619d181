"""Multiple choice: HellaSwag (which ending?), CosmosQA (read and reason) and CommonsenseQA (what is
typical?).

HellaSwag and CommonsenseQA ask about habits and facts of the pretraining world, which an encoder
can know only from its corpus. CosmosQA asks about a short text, and identifies persons by the
occupation that the text states.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from xstilts_core.examples import ChoiceExample
from xstilts_core.mini.makers.maker import Maker, Setting
from xstilts_core.mini.makers.paraphrase import question_roles
from xstilts_core.mini.makers.passage import Sentence, chunk, passage, persons
from xstilts_core.mini.meaning import Entity, Fact, Meaning
from xstilts_core.mini.preferences import STATIVE_VERBS, TIMES_WITHOUT_NEVER
from xstilts_core.mini.world import ATTRIBUTES, World, pretraining_world, vocabulary

_TYPICAL, _UNUSUAL = 0.2, 0.05
"""Minimum probability of a typical value in the pretraining world, and maximum of an unusual
one."""
_TYPICAL_SUBJECT, _UNUSUAL_SUBJECT = 0.15, 0.02


@dataclass(frozen=True, slots=True)
class Choice:
    """A context, an optional question, and candidate meanings, each told whole or only as its chunk
    `role`. `right` is the index of the gold one.

    unit: the subject of a question; all questions about it stay in one split.
    """

    context: tuple[Sentence, ...]
    question: Sentence | None
    options: tuple[Meaning, ...]
    role: str | None
    right: int
    unit: object

    @property
    def key(self) -> object:
        return (self.context, self.question, frozenset(self.options))


def shuffled(
    random: Random,
    context: tuple[Sentence, ...],
    question: Sentence | None,
    right: Meaning,
    wrong: list[Meaning],
    role: str | None,
    unit: object,
) -> Choice:
    """Return a Choice with its options in random order."""
    options = [right, *wrong]
    order = list(range(len(options)))
    random.shuffle(order)
    return Choice(
        context=context,
        question=question,
        options=tuple(options[index] for index in order),
        role=role,
        right=order.index(0),
        unit=unit,
    )


def _split_by_habit(
    world: World, kind: str, key: str, typical: float, unusual: float
) -> tuple[list[str], list[str]]:
    """Return the typical and the unusual items of a distribution of the world."""
    habit = world.preference(kind, key)
    pairs = list(zip(habit.items, habit.weights, strict=True))
    return [item for item, weight in pairs if weight >= typical], [
        item for item, weight in pairs if weight <= unusual
    ]


def hellaswag(setting: Setting, random: Random) -> Iterator[Choice]:
    """Yield items that ask for the best ending. The context names a person and an action. The right
    ending continues with the person at the usual place or time; the wrong ones are unusual in the
    pretraining world or deny what was said."""
    world, habits = setting.world(), pretraining_world(setting.domain)
    while True:
        person = world.person(random)
        first = world.event(random, person, place=0.6, time=0.6, negated=0.0)
        verb = world.preference("verb", person.concept).draw(random)
        role = random.choice(("place", "time"))
        usual, unusual = _split_by_habit(habits, role, verb, _TYPICAL, _UNUSUAL)
        if verb == first.verb or verb in STATIVE_VERBS or not usual or len(unusual) < 3:
            continue
        ending = world.event(random, person, place=0.0, time=0.0, negated=0.0, verb=verb)
        right = replace(ending, **{role: random.choice(usual)})
        denial = replace(first, front=None, negated=True)
        wrong: list[Meaning] = [
            replace(ending, **{role: value}) for value in random.sample(unusual, 3)
        ]
        if random.random() < 0.5 and first.time not in TIMES_WITHOUT_NEVER:
            wrong[0] = denial
        context = (Sentence(world.fact(random, person)), Sentence(first))
        yield shuffled(random, context, None, right, wrong, None, (context, ending))


def cosmosqa(setting: Setting, random: Random) -> Iterator[Choice]:
    """Yield texts of facts and events with a question that names a person by occupation; wrong
    answers come from the text and from outside it."""
    world = setting.world()
    while True:
        events = [
            world.event(random, world.person(random), place=0.85, time=0.75, negated=0.0, front=0.3)
            for _ in range(3)
        ]
        everyone = [name for event in events for name in persons(event)]
        if len(set(everyone)) < len(everyone) or len({event.verb for event in events}) < 3:
            continue
        about = random.sample(events, 2)
        jobs = random.sample(world.occupations, 2)
        facts = [
            Fact(event.subject, "occupation", job) for event, job in zip(about, jobs, strict=True)
        ]
        target, job = about[0], jobs[0]
        roles = [role for role in question_roles(target) if role in ("place", "time")]
        if not roles:
            continue
        role = random.choice(roles)
        question = replace(target, subject=Entity(job), front=None)
        for name in ("place", "time"):
            if name != role and random.random() < 0.5:
                question = replace(question, **{name: None})
        inside = list(
            dict.fromkeys(
                getattr(event, role)
                for event in events
                if getattr(event, role) not in (None, getattr(target, role))
            )
        )
        outside = [
            value
            for value in vocabulary(role, setting.domain)
            if value not in inside and value != getattr(target, role)
        ]
        values = inside + random.sample(outside, 3 - len(inside))
        wrong: list[Meaning] = [replace(question, **{role: value}) for value in values]
        sentences = [Sentence(clause) for clause in (*facts, *events)]
        random.shuffle(sentences)
        yield shuffled(
            random,
            tuple(sentences),
            Sentence(question, role),
            question,
            wrong,
            role,
            (tuple(sentences), question),
        )


def _commonsense_habit(random: Random, habits: World) -> Choice | None:
    """Draw a question where or when something is usually done, or who usually does it."""
    subject = habits.subject(random, persons=0.3, every=0.0, surname=0.0)
    role = random.choice(("place", "time", "subject"))
    if role == "subject":
        return _commonsense_subject(random, habits)
    event = habits.event(random, subject, place=0.0, time=0.0, negated=0.0, surname=0.0)
    usual, unusual = _split_by_habit(habits, role, event.verb, _TYPICAL, _UNUSUAL)
    if event.verb in STATIVE_VERBS or not usual or len(unusual) < 4:
        return None
    right = replace(event, **{role: random.choice(usual)})
    wrong: list[Meaning] = [replace(event, **{role: value}) for value in random.sample(unusual, 4)]
    return shuffled(random, (), Sentence(right, role), right, wrong, role, (event.verb, role))


def _commonsense_subject(random: Random, habits: World) -> Choice | None:
    """Draw a question who usually does something."""
    event = habits.event(
        random,
        Entity(random.choice(habits.occupations)),
        place=0.0,
        time=0.0,
        negated=0.0,
        surname=0.0,
    )
    people = habits.occupations + habits.preference("name", "").items
    chances = {
        person: habits.preference("verb", person).probability(event.verb) for person in people
    }
    usual = [person for person, chance in chances.items() if chance >= _TYPICAL_SUBJECT]
    unusual = [person for person, chance in chances.items() if chance <= _UNUSUAL_SUBJECT]
    if not usual or len(unusual) < 4:
        return None
    right = replace(event, subject=Entity(random.choice(usual)))
    wrong: list[Meaning] = [
        replace(event, subject=Entity(person)) for person in random.sample(unusual, 4)
    ]
    if any(
        event.object is not None and event.object.concept == option.subject.concept
        for option in (right, *wrong)
    ):
        return None
    return shuffled(
        random,
        (),
        Sentence(right, "subject"),
        right,
        wrong,
        "subject",
        (event.verb, right.subject.concept),
    )


def _commonsense_fact(random: Random, habits: World) -> Choice | None:
    """Draw a question about the city, employer, occupation or age of a well-known person."""
    attribute = random.choice(ATTRIBUTES)
    person = habits.person(random, surname=0.0)
    fact = habits.fact(random, person, attribute)
    others: set[str | int] = set()
    while len(others) < 4:
        value = habits.value(random, attribute)
        if value != fact.value:
            others.add(value)
    wrong: list[Meaning] = [replace(fact, value=value) for value in sorted(others, key=str)]
    return shuffled(
        random, (), Sentence(fact, "value"), fact, wrong, "value", (person.concept, attribute)
    )


def commonsenseqa(setting: Setting, random: Random) -> Iterator[Choice]:
    """Yield questions about the pretraining world without a text; splits share no topic."""
    habits = pretraining_world(setting.domain)
    while True:
        item = (
            _commonsense_fact(random, habits)
            if random.random() < 0.4
            else _commonsense_habit(random, habits)
        )
        if item is not None:
            yield item


def tell(item: Choice, language: str, domain: str, identity: str) -> ChoiceExample:
    """Return context, question and options in a language."""
    question = passage((item.question,), language, domain) if item.question is not None else ""
    if item.role is None:
        options = tuple(passage((Sentence(option),), language, domain) for option in item.options)
    else:
        options = tuple(chunk(option, language, item.role) for option in item.options)
    return ChoiceExample(
        id=identity,
        context=passage(item.context, language, domain),
        question=question,
        choices=options,
        label=item.right,
    )


HELLASWAG = Maker(hellaswag, tell)
COSMOSQA = Maker(cosmosqa, tell)
COMMONSENSEQA = Maker(commonsenseqa, tell)
