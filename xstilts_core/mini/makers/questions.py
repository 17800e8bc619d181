"""Span questions: SQuAD 1.1 and 2.0, XQuAD, MLQA and TyDiQA.

A question states a subject and a predicate, and asks for one more detail. Clauses have several
details, so that words in common lead to a clause but not to its object, place or time. Some answers
have a rival of the right kind: one of the same subject with another predicate, or of the same
predicate with another subject ("Anna buys a bag, and Anna sells a cup." What does Anna buy?). Facts
have both rivals, or one.

The tasks differ in their world and in their style (lexicon/shares.yaml). SQuAD: events, and lasting
facts about persons. XQuAD: events only. MLQA: more clauses with fronted adjuncts. TyDiQA: facts
(occupation, home, employer, age). A question of SQuAD 2.0 without an answer asks for what nobody is
told to do, or has both of its halves in the context, but in no clause together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from random import Random
from types import SimpleNamespace as Style

from xstilts_core.examples import Answer, SpanExample
from xstilts_core.mini.grammar import (
    Passage,
    Sentence,
    Spot,
    passage,
    passage_with_spot,
    sentence_text,
)
from xstilts_core.mini.lexicon import STATIVE_VERBS, kind_of, read_yaml
from xstilts_core.mini.makers.maker import Item, Maker, Setting
from xstilts_core.mini.makers.variation import added, asked_about
from xstilts_core.mini.meaning import Clause, Entity, Event, Fact, Joined, clauses, unfronted
from xstilts_core.mini.world import ATTRIBUTES, World, drawn, is_animal

_SHARES = read_yaml("shares.yaml")["questions"]
STYLES = {task: Style(**style) for task, style in _SHARES["styles"].items()}
_UNTOLD = 0.7
"""Share of the unanswerable questions about events whose predicate is told of nobody; in the others
both halves are in the context."""
_SAME = 0.5
"""Probability that the rival with the same predicate has the same object, place or time too."""


@dataclass(frozen=True, slots=True)
class Question(Item):
    """A context, a question and the chunk that answers it (None if it has no answer here)."""

    context: Passage
    question: Sentence
    spot: Spot | None
    key = property(attrgetter("context", "question"))


@dataclass(frozen=True, slots=True)
class _Plot:
    """What a context tells, and the role that is asked for.

    groups: the clauses of the context, the answer's first; a group's clauses tend to be joined.
    other: a clause that has neither half of the question.
    """

    groups: tuple[tuple[Clause, ...], ...]
    asked: str
    other: Clause

    @property
    def answer(self) -> Clause:
        return self.groups[0][0]


def _new_subject(world: World, known: set[str]) -> Entity:
    """Draw a person, by name or occupation, who is none of the known."""
    while True:
        subject = world.subject("subject_of_context")
        if not is_animal(subject) and subject.concept not in known:
            return subject


def _new_event(world: World, style: Style, known: Sequence[Event]) -> Event:
    """Draw an event whose subject and verb are none of the known."""
    subject = _new_subject(world, {event.subject.concept for event in known})
    # To work somewhere is a fact as well.
    verbs = {event.verb for event in known} | STATIVE_VERBS | {"work"}
    while True:
        event = world.event(style.event, subject)
        if event.verb not in verbs:
            return event


def _redrawn(world: World, event: Event, role: str) -> Event:
    """Return the event with another draw of one role."""
    if role == "subject":
        return replace(event, subject=_new_subject(world, {event.subject.concept}))
    if role == "object":
        return replace(event, object=world.object(event.verb, event.subject))
    return added(world, event, role)


def _acts_on_itself(clause: Clause) -> bool:
    """Return whether the subject is the object too."""
    return (
        isinstance(clause, Event)
        and clause.object is not None
        and clause.object.concept == clause.subject.concept
    )


def _fit(events: Sequence[Event], asked: str) -> bool:
    """Return whether all have the asked role, in different words of one kind, and nobody acts on
    themselves."""
    if asked == "object":
        goals = [event.object.concept for event in events if event.object]
        kinds = {"thing" if kind_of(goal) == "mass" else kind_of(goal) for goal in goals}
    else:
        goals, kinds = [getattr(event, asked) for event in events], {asked}
    return (
        None not in goals
        and len(set(goals)) == len(events)
        and len(kinds) == 1
        and not any(map(_acts_on_itself, events))
    )


def _event_plot(world: World, style: Style) -> _Plot | None:
    """Draw a plot of events; None if they do not fit together."""
    random = world.random
    asked = drawn(random, _SHARES["asked"])
    answer = _new_event(world, style, [])
    if getattr(answer, asked) is None or answer.front == asked:
        return None
    same_subject = _new_event(world, style, [answer])
    if asked != "object":
        same_subject = _redrawn(world, same_subject, asked)
    same_subject = replace(same_subject, subject=answer.subject)
    same_predicate = _redrawn(world, answer, "subject")
    for role in ("object", "place", "time"):
        is_told = getattr(answer, role) is not None
        if role == asked or (is_told and random.random() > _SAME):
            same_predicate = _redrawn(world, same_predicate, role)
    told = [answer, same_subject, same_predicate]
    if not _fit(told, asked):
        return None
    for _ in range(random.randint(*style.others)):
        told.append(_new_event(world, style, told))
    others = told[3:]
    (count,) = random.choices((0, 1), (1 - style.rival, style.rival))
    rivals = random.sample(told[1:3], count)
    first, *rest = random.sample((*rivals, others[0]), count + 1)
    groups = ((answer, first), *((event,) for event in (*rest, *others[1:])))
    return _Plot(groups, asked, others[0])


def _fact_plot(world: World, style: Style) -> _Plot | None:
    """Draw a plot of facts; None if a value repeats. The person has a fact in each pair of rivals,
    and another person has the attribute that is asked for."""
    asked, *attributes = world.random.sample(ATTRIBUTES, len(ATTRIBUTES))
    people: list[Entity] = []
    pairs = 1 + world.random.randint(*style.others)
    for _ in range(2 + pairs):
        known = frozenset(person.concept for person in people)
        people.append(world.person(exclude=known))
    person, partner, *rest = people
    groups = [(world.fact(person, asked), world.fact(partner, attributes[-1]))]
    for rival, attribute in zip(rest, attributes, strict=False):
        groups.append((world.fact(rival, asked), world.fact(person, attribute)))
    facts = [fact for group in groups for fact in group]
    is_clear = len({fact.value for fact in facts}) == len(facts)
    return _Plot(tuple(groups), "value", groups[0][1]) if is_clear else None


def _arrange(random: Random, plot: _Plot, style: Style) -> Passage:
    """Arrange the groups as sentences in any order. The second clause of a joined sentence has
    nothing fronted."""
    sentences: list[Sentence] = []
    for group in random.sample(plot.groups, len(plot.groups)):
        told = group if random.random() < style.first else group[::-1]
        if len(told) > 1 and random.random() < style.joined:
            link = random.choice(("and", "and", "but"))
            sentences.append(Sentence(Joined(told[0], unfronted(told[1]), link)))
        else:
            sentences += map(Sentence, told)
    return tuple(sentences)


def _question(random: Random, plot: _Plot, style: Style) -> Sentence:
    """Return the question; details that are not needed are left out at random."""
    clause = plot.answer
    if isinstance(clause, Fact):
        return Sentence(clause, plot.asked)
    clause = asked_about(random, clause, plot.asked, style.dropped)
    if clause.object is not None and plot.asked != "object" and random.random() < 0.4:
        clause = replace(clause, object=replace(clause.object, adjective=None))
    return Sentence(clause, plot.asked)


def _without_answer(plot: _Plot) -> _Plot | None:
    """Return the plot in which the answer's clause has exchanged its subject with the other clause:
    with the same words, no clause has both halves of the question. None if
    somebody would act on themselves."""
    answer, other = plot.answer, plot.other
    name = "person" if isinstance(answer, Fact) else "subject"
    changed = {
        answer: replace(answer, **{name: getattr(other, name)}),
        other: replace(other, **{name: getattr(answer, name)}),
    }
    if any(map(_acts_on_itself, changed.values())):
        return None
    groups = tuple(tuple(changed.get(clause, clause) for clause in group) for group in plot.groups)
    return replace(plot, groups=groups)


def _untold(world: World, style: Style, plot: _Plot) -> Sentence | None:
    """Return a question what the answer's subject does otherwise, of which the context tells
    nothing; None if what is drawn does not fit."""
    events = [clause for group in plot.groups for clause in group if isinstance(clause, Event)]
    event = replace(_new_event(world, style, events), subject=events[0].subject)
    if getattr(event, plot.asked) is None or _acts_on_itself(event):
        return None
    return _question(world.random, replace(plot, groups=((event,),)), style)


def _spot_of(context: Passage, clause: Clause, role: str) -> Spot:
    """Return the position of the clause's chunk in the context."""
    return next(
        Spot(number, position, role)
        for number, sentence in enumerate(context)
        for position, stated in enumerate(clauses(sentence.meaning))
        if unfronted(stated) == unfronted(clause)
    )


def _draw(setting: Setting, world: World) -> Iterator[Question]:
    """Yield a context with one question."""
    random = world.random
    style = STYLES[setting.task]
    draw = _fact_plot if random.random() < style.ask_facts else _event_plot
    plot = draw(world, style)
    if plot is None:
        return
    question = _question(random, plot, style)
    if random.random() >= style.unanswerable:
        context = _arrange(random, plot, style)
        yield Question(context, question, _spot_of(context, plot.answer, plot.asked))
    elif plot.asked != "value" and random.random() < _UNTOLD:
        if untold := _untold(world, style, plot):
            yield Question(_arrange(random, plot, style), untold, None)
    elif changed := _without_answer(plot):
        yield Question(_arrange(random, changed, style), question, None)


def tell(item: Question, language: str, domain: str, identity: str) -> SpanExample:
    """Return context, question and answer in a language; the answer is a part of the context."""
    question = sentence_text(item.question, language, domain)
    if item.spot is None:
        return SpanExample(identity, question, passage(item.context, language, domain), ())
    context, start, end = passage_with_spot(item.context, item.spot, language, domain)
    return SpanExample(identity, question, context, (Answer(context[start:end], start),))


MAKERS = dict.fromkeys(STYLES, Maker(_draw, tell))
