"""Span questions: SQuAD 1.1 and 2.0, XQuAD, MLQA and TyDiQA.

A question states a subject and a predicate, and asks for one more detail. Its answer has two rivals
of the right kind: one is told of the same subject with another predicate, the other of the same
predicate with another subject ("Anna reads in the garden, and Anna swims at school. Peter reads in
the kitchen."). One of them mostly shares the answer's sentence. So only a clause that has both
answers, and neither the words around an answer nor the words left over in its sentence show it.
Where the subject is asked for, place or time take its part.

The tasks differ in their world and in `_Style`. SQuAD: events, and lasting facts about persons.
XQuAD: events only. MLQA: more clauses with fronted adjuncts. TyDiQA: facts (occupation, home,
employer, age). A question of SQuAD 2.0 without an answer has both of its halves in the context, as
often as any other question, but never in one clause.
"""

from collections.abc import Iterable, Iterator, Sequence
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
from xstilts_core.mini.lexicon import STATIVE_VERBS, class_of
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import question_roles
from xstilts_core.mini.meaning import (
    Entity,
    Event,
    Fact,
    Joined,
    clauses,
    persons,
    same_clause,
    settled,
    unfronted,
)
from xstilts_core.mini.world import ATTRIBUTES, World, is_animal

Clause = Event | Fact
_ROLES = {"object": 0.7, "place": 0.2, "time": 0.1}


@dataclass(frozen=True, slots=True)
class _Style:
    """Structure of a task's contexts: range of the clauses beside the answer's and its two rivals',
    and probabilities of joined clauses, fronted adjuncts, questions about facts and unanswerable
    questions."""

    others: tuple[int, int]
    joined: float
    front: float
    ask_facts: float
    unanswerable: float = 0.0
    place: float = 0.85
    time: float = 0.6
    kept: float = 0.4
    dropped: float = 0.8
    same: float = 0.5
    both: float = 0.7


STYLES = {
    "squad_v1": _Style((1, 1), joined=0.9, front=0.2, ask_facts=0.3),
    "squad_v2": _Style((1, 1), joined=0.9, front=0.2, ask_facts=0.25, unanswerable=1 / 3),
    "xquad": _Style((1, 1), joined=0.9, front=0.2, ask_facts=0.0),
    "mlqa": _Style((1, 2), joined=0.9, front=0.4, ask_facts=0.0),
    "tydiqa": _Style((0, 1), joined=0.8, front=0.2, ask_facts=1.0, kept=0.75),
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


@dataclass(frozen=True, slots=True)
class _Plot:
    """What a context tells, and the role that is asked for.

    groups: the clauses of the context, the answer's first; a group's clauses tend to be joined.
    asked: the role that is asked for. shared: the other half of a question, besides the predicate:
    the subject, or place or time of an event whose subject is asked for. lone: a clause that has
    neither half; None without such a clause.
    """

    groups: tuple[tuple[Clause, ...], ...]
    asked: str
    shared: str
    lone: Clause | None = None

    @property
    def answer(self) -> Clause:
        return self.groups[0][0]


def _new_subject(random: Random, world: World, known: set[str]) -> Entity:
    """Draw a person, by name or occupation, who is none of the known."""
    while True:
        subject = world.subject(random, persons=0.75, every=0.0, surname=0.1)
        if not is_animal(subject) and subject.concept not in known:
            return subject


def _new_event(random: Random, world: World, style: _Style, known: Sequence[Event]) -> Event:
    """Draw an event whose subject and verb are none of the known."""
    subject = _new_subject(random, world, {event.subject.concept for event in known})
    # To work somewhere is a fact as well.
    verbs = {event.verb for event in known} | STATIVE_VERBS | {"work"}
    while True:
        event = world.event(
            random, subject, place=style.place, time=style.time, negated=0.0, front=style.front
        )
        if event.verb not in verbs:
            return event


def _redrawn(random: Random, world: World, event: Event, role: str) -> Event:
    """Return the event with another draw of one role."""
    if role == "subject":
        value = _new_subject(random, world, {event.subject.concept})
    elif role == "place":
        value = world.place(random, event.verb, event.subject)
    elif role == "time":
        value = world.preference("time", event.verb).draw(random)
    else:
        value = world.object(random, event.verb, event.subject)
    return replace(event, **{role: value})


def _concepts(role: str, *events: Event) -> set[str]:
    """Return the different concepts of one role."""
    values = {getattr(event, role) for event in events}
    return {value.concept if isinstance(value, Entity) else value for value in values} - {None}


def _is_possible(world: World, event: Event) -> bool:
    """Return whether nobody acts on themselves and the place suits the verb."""
    places = (None, *world.choices("place", event.verb))
    return event.place in places and len(persons(event)) == 1 + (event.object is not None)


def _kinds(events: Iterable[Event]) -> set[str]:
    """Return whether the objects are persons, animals or things: who, which animal or what."""
    kinds = {event.object and class_of(event.object.concept) for event in events}
    return {{"name_f": "name", "name_m": "name", "mass": "thing"}.get(kind, kind) for kind in kinds}


def _event_plot(random: Random, world: World, style: _Style, count: int) -> _Plot | None:
    """Draw a plot of events, `count` beside the three; None if they do not fit together."""
    (asked,) = random.choices(tuple(_ROLES), _ROLES.values())
    shared = "subject"
    answer = _new_event(random, world, style, [])
    if getattr(answer, asked) is None or answer.front == asked:
        return None
    same_subject = _new_event(random, world, style, [answer])
    if asked in ("place", "time"):
        same_subject = _redrawn(random, world, same_subject, asked)
    same_subject = replace(same_subject, **{shared: getattr(answer, shared)})
    same_predicate = _redrawn(random, world, _redrawn(random, world, answer, shared), asked)
    for role in ("object", "place", "time"):
        if role not in (asked, shared) and getattr(answer, role) and random.random() > style.same:
            same_predicate = _redrawn(random, world, same_predicate, role)
    three = (answer, same_subject, same_predicate)
    others: list[Event] = []
    for _ in range(count):
        others.append(_new_event(random, world, style, [*three, *others]))
    if (
        len(_concepts(asked, *three)) < 3
        or len(_concepts(shared, *three)) < 2
        or (asked == "object" and len(_kinds(three)) > 1)
        or not all(_is_possible(world, event) for event in three)
    ):
        return None
    rivals = random.sample(three[1:], 2 if random.random() < style.both else 1)
    first, *rest = random.sample((*rivals, *others[:1]), len(rivals) + len(others[:1]))
    if len(rivals) > 1 and others:
        first, *rest = (others[0], *rivals)
    groups = ((answer, first), tuple(rest), *((clause,) for clause in others[1:]))
    return _Plot(groups, asked, shared, others[0] if others else None)


def _fact_plot(random: Random, world: World, style: _Style, count: int) -> _Plot | None:
    """Draw a plot of facts: mostly, the answer is joined with a fact about another person, and its
    two rivals with each other, so that the question's words are neighbours there as well."""
    asked, *attributes = random.sample(ATTRIBUTES, len(ATTRIBUTES))
    people: list[Entity] = []
    for _ in range(5):
        known = frozenset(person.concept for person in people)
        people.append(world.person(random, exclude=known))
    subject, *rest = people
    answer = world.fact(random, subject, asked)
    groups = [(answer, world.fact(random, rest[0], random.choice(attributes[1:])))]
    for k in range(1 + count):
        groups.append((world.fact(random, rest[1 + k], asked), world.fact(random, subject, attributes[k])))
    facts = [fact for group in groups for fact in group]
    if len({fact.value for fact in facts}) < len(facts):
        return None
    return _Plot(tuple(groups), "value", "person", groups[0][1])


def _arrange(random: Random, plot: _Plot, style: _Style) -> tuple[Sentence, ...]:
    """Arrange the groups as sentences in any order. The second clause of a joined sentence has
    nothing fronted."""
    sentences: list[Sentence] = []
    for group in random.sample(plot.groups, len(plot.groups)):
        if not group:
            continue
        told = group if random.random() < style.kept else group[::-1]
        if len(told) > 1 and random.random() < style.joined:
            link = random.choice(("and", "and", "but"))
            sentences.append(Sentence(Joined(told[0], unfronted(told[1]), link)))
        else:
            sentences += map(Sentence, told)
    return tuple(sentences)


def _question(random: Random, plot: _Plot, style: _Style) -> Sentence:
    """Return the question; details that are not needed are left out at random."""
    clause = plot.answer
    if isinstance(clause, Fact):
        return Sentence(clause, plot.asked)
    for name in ("place", "time"):
        if name not in (plot.asked, plot.shared) and random.random() < style.dropped:
            clause = replace(clause, **{name: None})
    if clause.object is not None and plot.asked != "object" and random.random() < 0.4:
        clause = replace(clause, object=replace(clause.object, adjective=None))
    return Sentence(replace(clause, front=None), plot.asked)


def _without_answer(plot: _Plot) -> _Plot:
    """Return the plot whose answer's clause and lone clause have exchanged the shared role: with
    the same words, no clause has both halves of the question."""
    role, answer, lone = plot.shared, plot.answer, plot.lone
    swapped = {
        answer: replace(answer, **{role: getattr(lone, role)}),
        lone: replace(lone, **{role: getattr(answer, role)}),
    }
    groups = tuple(tuple(swapped.get(clause, clause) for clause in group) for group in plot.groups)
    return replace(plot, groups=groups)


def _spot_of(context: tuple[Sentence, ...], clause: Clause, role: str) -> Spot:
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
        count = random.randint(*style.others)
        if random.random() < style.ask_facts:
            plot = _fact_plot(random, world, style, count)
        else:
            plot = _event_plot(random, world, style, count)
        if plot is None:
            continue
        question = _question(random, plot, style)
        if random.random() < style.unanswerable:
            plot = _without_answer(plot)
            told = [clause for group in plot.groups for clause in group]
            if all(isinstance(clause, Fact) or _is_possible(world, clause) for clause in told):
                yield Question(_arrange(random, plot, style), question, None)
            continue
        context = _arrange(random, plot, style)
        yield Question(context, question, _spot_of(context, plot.answer, plot.asked))


def tell(item: Question, language: str, domain: str, identity: str) -> SpanExample:
    """Return context, question and answer in a language; the answer is a part of the context."""
    question = sentence_text(item.question, language, domain)
    if item.spot is None:
        return SpanExample(identity, question, passage(item.context, language, domain), ())
    context, start, end = passage_with_spot(item.context, item.spot, language, domain)
    return SpanExample(identity, question, context, (Answer(context[start:end], start),))


MAKER = Maker(candidates, tell)
