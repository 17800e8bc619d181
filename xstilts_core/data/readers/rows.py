"""Convert rows of the hub's data sets to examples: one function per row shape. Labels are mapped by
class name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from xstilts_core.data.readers.choices import numbered
from xstilts_core.data.readers.ranking import by_sentence
from xstilts_core.data.readers.spans import numbered_repeats
from xstilts_core.data.readers.tags import plain_word
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import (
    Answer,
    Example,
    PairExample,
    SentenceExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.languages import language
from xstilts_core.tasks import Task


@dataclass(frozen=True, slots=True)
class Rows:
    """One split of a data set: `values` by column, all of one length; `classes`: class names by
    column.

    columns: in the order in which the shape reads them. renamed: classes with another name in the
    task. origin: for errors.
    """

    origin: str
    columns: list[str]
    values: Mapping[str, Sequence[Any]]
    classes: Mapping[str, tuple[str, ...]]
    renamed: Mapping[str, str]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*(self.values[name] for name in self.columns), strict=True)

    def select(self, positions: Sequence[int]) -> "Rows":
        """Return the rows at these positions, from 0."""
        return replace(
            self,
            values={
                name: [column[position] for position in positions]
                for name, column in self.values.items()
            },
        )

    def wrong(self, row: int, problem: str) -> UsageError:
        """Return the error for row `row` (from 1)."""
        return UsageError(f"{self.origin}, row {row}: {problem}")

    def labeller(self, column: str, legal: Sequence[str]) -> Callable[[Any, int], str | None]:
        """Return a function from a value of the column, and its row, to the task's label, or None
        if there is no gold label (-1).

        Raise UsageError if the classes have no names, or names that the task does not know: the
        order of classes is never guessed.
        """
        names = [self.renamed.get(name, name) for name in self.classes[column]]
        for name in names:
            if name not in legal:
                raise unknown("class", name, legal, f"{self.origin}, column {column}")

        def label(value: Any, row: int) -> str | None:
            if value == -1:
                return None
            if isinstance(value, str):
                name = self.renamed.get(value, value)
                if name not in legal:
                    raise unknown("label", value, legal, f"{self.origin}, row {row}")
                return name
            if not names:
                raise self.wrong(
                    row,
                    f"{column} is {value!r} and the data set names no classes: "
                    f"expected {', '.join(legal)} by name",
                )
            return names[value]

        return label


def pairs(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns first text, second text, label. Rows without a gold label (SNLI's -1) are
    left out; ids number the rest from 1."""
    rows_read = []
    for rows in parts:
        label = rows.labeller(rows.columns[2], task.labels)
        rows_read += [
            (first, second, label(value, number))
            for number, (first, second, value) in enumerate(rows, start=1)
        ]
    labelled = [row for row in rows_read if row[2] is not None]
    return [
        PairExample(str(number), first.strip(), second.strip(), name)
        for number, (first, second, name) in enumerate(labelled, start=1)
    ]


def texts(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns text, label: single texts, as pairs whose second text is empty."""
    examples: list[Example] = []
    for rows in parts:
        label = rows.labeller(rows.columns[1], task.labels)
        for number, (text, value) in enumerate(rows, start=1):
            if (name := label(value, number)) is None:
                raise rows.wrong(number, f"no label (-1): expected {', '.join(task.labels)}")
            examples.append(PairExample(str(len(examples) + 1), text.strip(), "", name))
    return examples


def abstracts(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns question, context {contexts: the parts of an abstract}, decision. The pair
    is the question and the abstract."""
    examples: list[Example] = []
    for rows in parts:
        label = rows.labeller(rows.columns[2], task.labels)
        for number, (question, context, value) in enumerate(rows, start=1):
            abstract = " ".join(text.strip() for text in context["contexts"])
            examples.append(
                PairExample(
                    str(len(examples) + 1), question.strip(), abstract, label(value, number)
                )
            )
    return examples


def spans(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns id, question, context, answers {text, answer_start}. Repeated ids are
    followed by their position.

    As with files, white space around a question is stripped, and a blank question or answer is an
    error.
    """
    examples = []
    for rows in parts:
        for number, (name, question, context, answers) in enumerate(rows, start=1):
            if not question.strip():
                raise rows.wrong(number, f"question {name!r} is blank: expected a text")
            starts = zip(answers["text"], answers["answer_start"], strict=True)
            gold = tuple(aligned(rows, number, context, text, start) for text, start in starts)
            if not gold and task.scoring != "squad_v2":
                raise rows.wrong(
                    number, f"question {name!r} has no answer: expected one in {task.name}"
                )
            examples.append(SpanExample(str(name), question.strip(), context, gold))
    return numbered_repeats(examples)


def aligned(rows: Rows, number: int, context: str, text: str, start: int) -> Answer:
    """Return the answer at its true position: google/xtreme strips white space from its contexts
    and answers but keeps the old offsets."""
    if start >= 0 and text.strip() and context[start : start + len(text)] == text:
        return Answer(text, start)
    positions = (
        [position for position in range(len(context)) if context.startswith(text, position)]
        if text.strip()
        else []
    )
    if not positions:
        raise rows.wrong(
            number, f"the answer {text!r} is not in its context (answer_start {start})"
        )
    return Answer(text, min(positions, key=lambda position: abs(position - start)))


def tags(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns words, tags. As with files, white space around a word is stripped, and empty
    words are left out."""
    return words_of(parts, task, str.strip)


def syntactic_words(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the same columns as `tags`, also removing white space and zero-width non-joiners inside
    a word, as XTREME's own UD files do."""
    return words_of(parts, task, plain_word)


def words_of(parts: Sequence[Rows], task: Task, plain: Callable[[str], str]) -> list[Example]:
    sentences = [
        [(form, tag) for word, tag in zip(*row, strict=True) if (form := plain(word))]
        for row in _tagged_sentences(parts, task)
    ]
    return [
        TagsExample(str(number), *map(tuple, zip(*row, strict=True)))
        for number, row in enumerate(filter(None, sentences), start=1)
    ]


def _tagged_sentences(
    parts: Sequence[Rows], task: Task
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield (words, tags) of every sentence that has words."""
    for rows in parts:
        label = rows.labeller(rows.columns[1], task.labels)
        for number, (words, values) in enumerate(rows, start=1):
            if len(words) != len(values):
                raise rows.wrong(
                    number, f"{len(words)} words but {len(values)} tags: expected as many"
                )
            names = [label(value, number) for value in values]
            if None in names:
                raise rows.wrong(
                    number, f"a word without a tag (-1): expected {', '.join(task.labels)}"
                )
            if words:
                yield tuple(words), tuple(map(str, names))


def translations(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns sentence, English sentence and, if a data set has them, both language codes.

    The sentences of the language come first, then the English ones, as with files.
    """
    sides: list[list[Example]] = [[], []]
    for rows in parts:
        expected = (language(code).tatoeba, "eng")
        for text, english, *codes in rows:
            number = len(sides[0]) + 1
            if codes and tuple(codes) != expected:
                raise rows.wrong(
                    number,
                    f"languages {' and '.join(map(str, codes))}: "
                    f"expected {' and '.join(map(str, expected))}",
                )
            if not text.strip() or not english.strip():
                raise rows.wrong(number, "blank: expected a sentence on both sides")
            sides[0].append(SentenceExample(f"{code}-{number}", code, text.strip(), f"en-{number}"))
            sides[1].append(
                SentenceExample(f"en-{number}", "en", english.strip(), f"{code}-{number}")
            )
    return [*sides[0], *sides[1]]


def _choice_index(rows: Rows, number: int, value: Any, count: int) -> int:
    """Return the index of the right choice, written as a number."""
    if not isinstance(value, str | int) or not str(value).isdecimal() or int(value) >= count:
        raise rows.wrong(
            number, f"label {value!r}: expected the number of the right choice, 0 to {count - 1}"
        )
    return int(value)


def hellaswag(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns ctx_a, ctx_b, endings, label. The unfinished sentence ctx_b begins every
    choice, as in the paper's code."""
    questions = []
    for rows in parts:
        for number, (first, opening, ends, value) in enumerate(rows, start=1):
            right = _choice_index(rows, number, value, len(ends))
            if len(ends) != 4:
                raise rows.wrong(number, f"{len(ends)} endings: expected 4")
            questions.append((first, "", [f"{opening} {end}" for end in ends], right))
    return numbered(questions)


def cosmosqa(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns context, question, four answers, label."""
    return numbered(
        (context, question, answers, _choice_index(rows, number, value, len(answers)))
        for rows in parts
        for number, (context, question, *answers, value) in enumerate(rows, start=1)
    )


def siqa(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns context, question, three answers, label: the number of the right answer,
    from 1, as text that may end with a line end."""
    questions = []
    for rows in parts:
        for number, (context, question, *answers, value) in enumerate(rows, start=1):
            right = value.strip()
            if not right.isdecimal() or not 1 <= int(right) <= len(answers):
                raise rows.wrong(
                    number,
                    f"label {value!r}: "
                    f"expected the number of the right answer, 1 to {len(answers)}",
                )
            questions.append((context, question, answers, int(right) - 1))
    return numbered(questions)


def copa(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns premise, question (cause or effect), two choices, label: the name of the
    right choice's column, or its number.

    The question is put in English in every language, as in XTREME-R (third_party/run_xcopa.py):
    "What was the cause?"
    """
    questions = []
    for rows in parts:
        *_, column = rows.columns
        choices, names = rows.columns[2:4], rows.classes[column]
        for number, (premise, question, first, second, value) in enumerate(rows, start=1):
            if question not in ("cause", "effect"):
                raise rows.wrong(number, f"question {question!r}: expected cause or effect")
            right = (
                choices.index(names[value])
                if names and value >= 0
                else _choice_index(rows, number, value, len(choices))
            )
            questions.append((premise, f"What was the {question}?", (first, second), right))
    return numbered(questions)


def commonsenseqa(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns question, choices {label, text}, answerKey: the letter of the right choice,
    looked up among the labels."""
    questions = []
    for rows in parts:
        for number, (question, choices, key) in enumerate(rows, start=1):
            if key not in choices["label"]:
                raise rows.wrong(
                    number, f"answerKey {key!r}: expected one of {', '.join(choices['label'])}"
                )
            questions.append(("", question, choices["text"], choices["label"].index(key)))
    return numbered(questions)


def answer_sentences(parts: Sequence[Rows], task: Task, code: str) -> list[Example]:
    """Read the columns of `spans`; each question is a query for its answer's sentence."""
    return by_sentence(spans(parts, task, code))


SHAPES: Mapping[str, Callable[[Sequence[Rows], Task, str], list[Example]]] = MappingProxyType(
    {
        "pair": pairs,
        "text": texts,
        "abstract": abstracts,
        "span": spans,
        "tags": tags,
        "syntactic_words": syntactic_words,
        "translations": translations,
        "hellaswag": hellaswag,
        "cosmosqa": cosmosqa,
        "commonsenseqa": commonsenseqa,
        "siqa": siqa,
        "copa": copa,
        "answer_sentences": answer_sentences,
    }
)
