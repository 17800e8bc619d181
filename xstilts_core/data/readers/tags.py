"""Read sentences with a tag per word: PAN-X (WikiANN) and XTREME's part-of-speech files, one word a
line; supertags (CCGbank); CoNLL-U (Universal Dependencies), in the way XTREME's part-of-speech
files are made from it.

The rule for CoNLL-U is that of google-research/xtreme: scripts/download_data.sh calls
third_party/ud-conversion-tools (conllu_to_conll.py with --replace_subtokens_with_fused_forms,
lib/conll.py), then udpos_preprocess of utils_preprocess.py. google/xtreme on the hub was made
without the first step: it keeps the syntactic words ("de" and "el" for "del"), so scores on it are
not the benchmark's.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xstilts_core.data.readers.shapes import numbered, plain_word, tagged
from xstilts_core.data.readers.text import blocks, read_lines, truncation_hint, wrong
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import TagsExample
from xstilts_core.tasks import TASKS

UPOS = TASKS["udpos"].labels

_COLUMNS = 10
_RANGE = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{0,8})")
_EMPTY_NODE = re.compile(r"(0|[1-9][0-9]{0,8})\.[1-9][0-9]{0,8}")
_HEAD = re.compile(r"0|[1-9][0-9]{0,8}")
# Precedence of tags for a fused form if the tree does not decide: conllu_to_conll.py's list, and
# those of three languages. A tag missing from a list comes last here; XTREME's tool fails on it and
# would leave out the whole file.
_DEFAULT = "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT"
_PRECEDENCE = {
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}


def read_tagged(
    path: Path, task: str, prefix: str = "", separator: str = "\t"
) -> list[TagsExample]:
    """Read token TAB tag, or token and tag with another separator.

    Ids number sentences from 1. task: the task whose tags are legal. prefix: removed if every token
    begins with it; PAN-X's raw archive has "de:Berlin". A word that is only white space is left
    out: XTREME removes U+200C, spaces and the language prefix from words. Raise UsageError for a
    line with more or fewer columns (a truncated download ends in one), for an unknown tag, and for
    a file without a word.
    """
    lines, legal = read_lines(path), TASKS[task].labels
    shape = "token TAB tag" if separator == "\t" else "token SPACE tag"
    sentences: list[list[tuple[str, str]]] = []
    for block in blocks(lines):
        sentences.append([])
        for number, line in block:
            cells = line.split(separator)
            if len(cells) != 2:
                problem = f"{len(cells)} columns ({' | '.join(cells)[:80]}): expected {shape}"
                raise wrong(path, number, problem + truncation_hint(number, lines))
            token, tag = cells[0], cells[1].strip()
            if tag not in legal:
                raise unknown("tag", tag, legal, f"{path}, line {number}")
            sentences[-1].append((token, tag))
    tokens = [token for sentence in sentences for token, _ in sentence]
    shared = prefix if all(token.startswith(prefix) for token in tokens) else ""
    examples = numbered(
        tagged((token.removeprefix(shared).strip(), tag) for token, tag in sentence)
        for sentence in sentences
    )
    if not examples:
        raise wrong(path, len(lines), "no token of the file is a word: expected at least one")
    return examples


def read_ccg(path: Path) -> list[TagsExample]:
    """Read supertags as the paper's code does: words TAB tags, both separated by single spaces. Ids
    are line numbers from 1."""
    examples = []
    for number, line in enumerate(read_lines(path), start=1):
        # Split only at spaces: a no-break space may be part of a word.
        words, *tags = (tuple(filter(None, cell.split(" "))) for cell in line.split("\t"))
        if len(tags) != 1 or not words or len(words) != len(tags[0]):
            counts = (
                f"{len(words)} words and {len(tags[0])} tags"
                if len(tags) == 1
                else f"{len(tags) + 1} columns"
            )
            raise wrong(path, number, f"{counts}: expected words TAB tags, as many tags as words")
        examples.append(TagsExample(str(number), words, tags[0]))
    return examples


# ---- CoNLL-U


@dataclass(frozen=True, slots=True)
class _Word:
    """A syntactic word: its line, form, tag and the word ids of its heads in the basic and the
    enhanced tree (0 is the root)."""

    line: int
    form: str
    tag: str
    heads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Fused:
    """A multiword token: its line, its form and the ids of its words."""

    line: int
    form: str
    ids: range


def read_treebanks(paths: Iterable[Path], code: str) -> list[TagsExample]:
    """Return the sentences of all treebanks of a language, in the order of the file names as in
    XTREME, numbered consecutively from 1.

    Raise UsageError if no file holds a sentence with words (treebanks whose texts may not be shared
    have "_" for every word).
    """
    ordered = sorted(paths, key=lambda path: path.name)
    all_sentences = [sentence for path in ordered for sentence in read_conllu(path, code)]
    if not all_sentences:
        names = " and ".join(map(str, ordered))
        raise UsageError(
            f"no sentence with words and tags in {names}: "
            "expected CoNLL-U with forms (column 2) and universal tags (column 4)"
        )
    return numbered(all_sentences)


def read_conllu(path: Path, code: str) -> list[TagsExample]:
    """Return the sentences of one file: forms (column 2) and universal parts of speech (column 4).
    Ids number the kept sentences, from 1.

    A multiword token (1-2) replaces its words. It gets the tag of the word highest in the tree, the
    one with the fewest words above it; ties are broken by the language's PRECEDENCE. Empty nodes
    (8.1) are left out, and so are words tagged "_" and words that are empty once U+200C and inner
    spaces are removed. A sentence is left out if all its forms, except at most one, are "_": its
    text may not be shared. Raise UsageError for a wrong number of columns, an unknown tag, a gap in
    the word ids, and a file that ends inside a sentence.
    """
    lines = read_lines(path)
    if lines[-1].strip():
        raise wrong(
            path,
            len(lines),
            "the file ends inside a sentence: "
            "expected a blank line after the last one (truncated download?)",
        )
    precedence = _PRECEDENCE.get(code, _DEFAULT).split()
    examples = []
    for block in blocks(lines):
        tokens = _fuse(path, *_parse_sentence(path, block), precedence)
        hidden_count = sum(form == "_" for form, _ in tokens)
        if hidden_count == 0 or hidden_count < len(tokens) - 1:
            examples.append(tagged((plain_word(form), tag) for form, tag in tokens if tag != "_"))
    return numbered(examples)


def _parse_sentence(
    path: Path, block: Sequence[tuple[int, str]]
) -> tuple[list[_Word], list[_Fused]]:
    """Return the syntactic words of one sentence, in order, and its multiword tokens."""
    words: list[_Word] = []
    tokens: list[_Fused] = []
    for line, text in block:
        if text.startswith("#"):
            continue
        cells = text.split("\t")
        if len(cells) != _COLUMNS:
            raise wrong(path, line, f"{len(cells)} columns: expected the {_COLUMNS} of CoNLL-U")
        word_id, form, tag = cells[0], cells[1].strip(), cells[3].strip()
        if "." in word_id:
            node = _EMPTY_NODE.fullmatch(word_id)
            if not node or int(node[1]) != len(words):
                raise wrong(
                    path,
                    line,
                    f"id {word_id[:40]!r}: expected an empty node's, "
                    f"such as {len(words)}.1, after word {len(words)}",
                )
            continue
        if "-" in word_id:
            span = _RANGE.fullmatch(word_id)
            if not span or int(span[1]) != len(words) + 1 or int(span[2]) <= int(span[1]):
                raise wrong(
                    path,
                    line,
                    f"word ids {word_id[:40]!r}: "
                    f"expected a range that begins with the next word, {len(words) + 1}",
                )
            if tokens and tokens[-1].ids[-1] > len(words):
                raise wrong(
                    path,
                    line,
                    f"word ids {word_id!r}: expected a range after that of line "
                    f"{tokens[-1].line}, to {tokens[-1].ids[-1]}",
                )
            tokens.append(_Fused(line, form, range(int(span[1]), int(span[2]) + 1)))
            continue
        if word_id != str(len(words) + 1):
            raise wrong(
                path,
                line,
                f"word id {word_id!r}: expected {len(words) + 1}, "
                "word ids count from 1 in every sentence",
            )
        if tag not in UPOS and tag != "_":
            raise unknown("tag", tag, UPOS, f"{path}, line {line}")
        if cells[6] != "_" and not _HEAD.fullmatch(cells[6]):
            raise wrong(
                path, line, f"head {cells[6][:40]!r}: expected a word id, 0 for the root, or _"
            )
        heads = [cells[6], *(entry.partition(":")[0] for entry in cells[8].split("|"))]
        words.append(
            _Word(line, form, tag, tuple(int(head) for head in heads if _HEAD.fullmatch(head)))
        )
    for word in words:
        if max(word.heads, default=0) > len(words):
            raise wrong(
                path,
                word.line,
                f"head {max(word.heads)}: "
                f"expected a word id up to {len(words)}, the sentence's last",
            )
    return words, tokens


def _fuse(
    path: Path, words: Sequence[_Word], tokens: Sequence[_Fused], precedence: Sequence[str]
) -> list[tuple[str, str]]:
    """Return (form, tag) of the sentence's words, with multiword tokens in place of their words."""
    forms: dict[int, str] = {word_id: word.form for word_id, word in enumerate(words, start=1)}
    ranks = {tag: rank for rank, tag in enumerate(precedence)}
    for token in tokens:
        if token.ids[-1] > len(words):
            raise wrong(
                path,
                token.line,
                f"word ids up to {token.ids[-1]}: "
                f"expected at most {len(words)}, the sentence's last",
            )
        head = min(
            token.ids,
            key=lambda word_id: (
                _depth(word_id, words),
                ranks.get(words[word_id - 1].tag, len(precedence)),
            ),
        )
        for word_id in token.ids:
            del forms[word_id]
        forms[head] = token.form
    return [(forms[word_id], words[word_id - 1].tag) for word_id in sorted(forms)]


def _depth(word_id: int, words: Sequence[_Word]) -> int:
    """Return the number of nodes above a word, including the root."""
    ancestors: set[int] = set()
    stack = list(words[word_id - 1].heads)
    while stack:
        node = stack.pop()
        if node not in ancestors:
            ancestors.add(node)
            stack += words[node - 1].heads if node else ()
    return len(ancestors - {word_id})
