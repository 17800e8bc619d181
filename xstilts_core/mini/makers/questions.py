"""Span questions: SQuAD 1.1 and 2.0, XQuAD, MLQA and TyDiQA.

All are drawn in the same way; the tasks differ in their world and in `_Style`. SQuAD: three or four
sentences with facts, and questions about both. XQuAD: events only. MLQA: longer, joined sentences
with fronted adjuncts. TyDiQA: typical questions about a person (occupation, home, employer, age),
so that question and answer share little but the name. Every context contains rivals for the answer:
other persons' occupations, other places and times.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from xstilts_core.examples import Answer, SpanExample
from xstilts_core.mini.grammar import (
    Sentence,
    Spot,
    passage,
    passage_with_spot,
    sentence_text,
)
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import asked_about, question_roles, subject_kind
from xstilts_core.mini.meaning import Event, Fact, Joined, clauses, persons, same_clause, unfronted
from xstilts_core.mini.world import World


@dataclass(frozen=True, slots=True)
class _Style:
    """Structure of a task's contexts: ranges of clauses, and probabilities of joined clauses,
    fronted adjuncts and unanswerable questions."""

    events: tuple[int, int]
    facts: tuple[int, int]
    joined: float
    front: float
    ask_facts: float
    unanswerable: float = 0.0
    negated: float = 0.1


STYLES = {
    "squad_v1": _Style((2, 3), (1, 2), joined=0.15, front=0.2, ask_facts=0.25),
    "squad_v2": _Style((2, 3), (1, 2), joined=0.15, front=0.2, ask_facts=0.2, unanswerable=1 / 3),
    "xquad": _Style((2, 2), (0, 1), joined=0.0, front=0.2, ask_facts=0.0),
    "mlqa": _Style((4, 6), (0, 1), joined=0.7, front=0.5, ask_facts=0.0, negated=0.05),
    "tydiqa": _Style((1, 2), (3, 4), joined=0.1, front=0.2, ask_facts=1.0),
}


@dataclass(frozen=True, slots=True)
class Question(Item):
    """A context, a question and the chunk that answers it (None if it has no answer here)."""

    context: tuple[Sentence, ...]
    question: Sentence
    spot: Spot | None

    @property
    def key(self) -> object:
        return (self.context, self.question)


def _draw_clauses(random: Random, world: World, style: _Style) -> list[Event | Fact] | None:
    """Draw events of different subjects and verbs, and facts; None if a person or verb repeats."""
    events: list[Event] = []
    for _ in range(random.randint(*style.events)):
        event = world.event(
            random, place=0.75, time=0.6, negated=style.negated, front=style.front, every=0.0
        )
        if any(persons(event) & persons(other) or event.verb == other.verb for other in events):
            return None
        events.append(event)
    named = [event.subject for event in events if subject_kind(event) == "name"]
    facts: list[Fact] = []
    attribute = None
    for _ in range(random.randint(*style.facts)):
        fact_persons = frozenset(fact.person.concept for fact in facts)
        candidate_persons = [person for person in named if person.concept not in fact_persons]
        known_persons = fact_persons | frozenset(
            name for event in events for name in persons(event)
        )
        person = (
            random.choice(candidate_persons)
            if candidate_persons and random.random() < 0.5
            else world.person(random, exclude=known_persons)
        )
        # Half the facts repeat the attribute of the first, so that an answer of the right kind is
        # not necessarily right.
        fact = world.fact(random, person, attribute if facts and random.random() < 0.6 else None)
        repeats_work = fact.attribute == "employer" and any(
            event.verb == "work" for event in events
        )
        if repeats_work or any(fact.value == other.value for other in facts):
            return None
        attribute = attribute or fact.attribute
        facts.append(fact)
    all_clauses: list[Event | Fact] = [*events, *facts]
    random.shuffle(all_clauses)
    return all_clauses


def _arrange(
    random: Random, context_clauses: list[Event | Fact], style: _Style
) -> tuple[Sentence, ...]:
    """Arrange the clauses as sentences, joining neighbours at random. The second clause of a joined
    sentence has nothing fronted."""
    sentences: list[Sentence] = []
    remaining = list(context_clauses)
    while remaining:
        first = remaining.pop(0)
        if remaining and random.random() < style.joined:
            second = unfronted(remaining.pop(0))
            sentences.append(Sentence(Joined(first, second, random.choice(("and", "and", "but")))))
        else:
            sentences.append(Sentence(first))
    return tuple(sentences)


def _draw_question(
    random: Random, clause: Event | Fact, others: list[Event | Fact]
) -> Sentence | None:
    """Return a question about the clause; details that are not needed are left out at random."""
    if isinstance(clause, Fact):
        if any(
            isinstance(other, Fact) and other.person.concept == clause.person.concept
            for other in others
        ):
            return None
        # "Who is a painter?" has another answer if a painter acts in the context.
        acting = any(
            isinstance(other, Event) and clause.value == other.subject.concept for other in others
        )
        return Sentence(clause, "person" if random.random() < 0.3 and not acting else "value")
    roles = [] if clause.negated else question_roles(clause)
    if not roles:
        return None
    role = random.choice(roles)
    clause = asked_about(random, clause, role)
    if clause.object is not None and role != "object" and random.random() < 0.4:
        clause = replace(clause, object=replace(clause.object, adjective=None))
    return Sentence(clause, role)


def _draw_unanswerable(
    random: Random, world: World, context_clauses: list[Event | Fact]
) -> Sentence | None:
    """Return a question whose subject and verb are both in the context, but not together, so that
    rivals of the right kind are there."""
    events = [clause for clause in context_clauses if isinstance(clause, Event)]
    event = random.choice(events)
    other = random.choice([clause for clause in events if clause is not event] or [event])
    if random.random() < 0.5:
        target = world.event(random, event.subject, negated=0.0, front=0.0, place=0.6, time=0.6)
        if any(target.verb == clause.verb for clause in events):
            return None
    else:
        both_animals = (subject_kind(event) == "animal") == (subject_kind(other) == "animal")
        if event is other or event.subject == other.object or not both_animals:
            return None
        target = replace(other, subject=event.subject, negated=False, front=None)
    roles = [role for role in question_roles(target) if role != "subject"]
    if (
        any(
            isinstance(clause, Fact) and clause.attribute == "employer"
            for clause in context_clauses
        )
        and target.verb == "work"
    ):
        return None
    return Sentence(target, random.choice(roles)) if roles else None


def _spot_of(context: tuple[Sentence, ...], clause: Event | Fact, role: str) -> Spot:
    """Return the position of the clause's chunk in the context."""
    for number, sentence in enumerate(context):
        for position, stated in enumerate(clauses(sentence.meaning)):
            if same_clause(stated, clause):
                return Spot(number, position, role)
    raise ValueError(f"{clause} is not told in the context")


def candidates(setting: Setting, random: Random) -> Iterator[Question]:
    """Yield endless contexts, each with one question."""
    world, style = setting.world(), STYLES[setting.task]
    while True:
        context_clauses = _draw_clauses(random, world, style)
        if not context_clauses:
            continue
        context = _arrange(random, context_clauses, style)
        if random.random() < style.unanswerable:
            question = _draw_unanswerable(random, world, context_clauses)
            if question is not None:
                yield Question(context, question, None)
            continue
        about_fact = random.random() < style.ask_facts
        suitable = [clause for clause in context_clauses if isinstance(clause, Fact) == about_fact]
        if not suitable:
            continue
        clause = random.choice(suitable)
        question = _draw_question(
            random, clause, [other for other in context_clauses if other is not clause]
        )
        if question is not None:
            yield Question(context, question, _spot_of(context, clause, question.ask))


def tell(item: Question, language: str, domain: str, identity: str) -> SpanExample:
    """Return context, question and answer in a language; the answer is a part of the context."""
    question = sentence_text(item.question, language, domain)
    if item.spot is None:
        return SpanExample(identity, question, passage(item.context, language, domain), ())
    context, start, end = passage_with_spot(item.context, item.spot, language, domain)
    return SpanExample(identity, question, context, (Answer(context[start:end], start),))


MAKER = Maker(candidates, tell)
