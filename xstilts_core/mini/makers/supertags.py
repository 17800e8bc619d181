r"""CCG-like categories of the words of a realised sentence, from their roles, parts of speech and
order.

`X/Y` looks for a Y to its right, `X\Y` to its left (Steedman 2000). Subjects and objects are NP,
and a bare noun with a determiner beside it is N. Adjuncts modify the sentence (S/S before the
subject) or the predicate ((S\NP)\(S\NP) after the verb).
"""

from xstilts_core.mini.meaning import Token

_NOMINAL = frozenset(("NOUN", "PROPN", "PRON"))
_DETERMINING = frozenset(("DET", "NUM"))
_PREDICATE = r"(S\NP)"


def supertags(tokens: tuple[Token, ...]) -> tuple[str, ...]:
    """Return one category per token. Clauses are split at the conjunction that links them;
    punctuation is ".", conjunctions are "conj"."""
    tags: list[str] = [""] * len(tokens)
    clause: list[int] = []
    for index, token in enumerate(tokens):
        if token.role == "-" and token.pos == "CCONJ":
            tags[index] = "conj"
            _tag_clause(tokens, clause, tags)
            clause = []
        elif token.pos == "PUNCT":
            tags[index] = "."
        elif token.pos == "INTJ":
            tags[index] = "S/S"
        else:
            clause.append(index)
    _tag_clause(tokens, clause, tags)
    return tuple(tags)


def _tag_clause(tokens: tuple[Token, ...], clause: list[int], tags: list[str]) -> None:
    """Fill in the categories of one clause."""
    chunks: dict[str, list[int]] = {}
    for index in clause:
        chunks.setdefault(tokens[index].role, []).append(index)
    verbs = [index for index in chunks.get("V", []) if tokens[index].pos == "VERB"] or chunks.get(
        "V", []
    )
    verb = verbs[-1] if verbs else None
    subject = chunks["S"][-1] if "S" in chunks else -1
    pivot = verb if verb is not None else subject
    for role, chunk in chunks.items():
        if role == "V":
            for index in chunk:
                tags[index] = (
                    _verb_category(tokens, chunks, verb)
                    if index == verb
                    else auxiliary(index, verb)
                )
        elif role == "N":
            for index in chunk:
                tags[index] = (
                    f"{_PREDICATE}/{_PREDICATE}" if index < pivot else rf"{_PREDICATE}\{_PREDICATE}"
                )
        elif role in ("P", "T"):
            _tag_adjunct(tokens, chunk, tags, _adjunct_category(chunk[0], subject, pivot))
        elif role == "O" and verb is None:
            _tag_adjunct(tokens, chunk, tags, r"S\NP")
        elif role in ("S", "O"):
            _tag_noun_phrase(tokens, chunk, tags, "NP")
        else:
            for index in chunk:
                tags[index] = "S/S" if index < pivot else r"S\S"


def auxiliary(index: int, verb: int) -> str:
    """Return the category of an auxiliary, which takes the predicate on the side of the verb."""
    return f"{_PREDICATE}/{_PREDICATE}" if index < verb else rf"{_PREDICATE}\{_PREDICATE}"


def _verb_category(tokens: tuple[Token, ...], chunks: dict[str, list[int]], verb: int) -> str:
    """Return the verb's category, with slots for object (inner) and subject on their sides."""
    category = "S"
    if "S" in chunks:
        category = r"S\NP" if chunks["S"][0] < verb else "S/NP"
    if "O" in chunks:
        side = "/" if chunks["O"][0] > verb else "\\"
        predicative = tokens[verb].pos == "AUX" and tokens[chunks["O"][-1]].pos == "ADJ"
        category = f"({category}){side}{'(S[adj]' + chr(92) + 'NP)' if predicative else 'NP'}"
    return category


def _adjunct_category(start: int, subject: int, pivot: int) -> str:
    """Return an adjunct's category: before the subject it modifies the sentence, between subject
    and verb the predicate from the left, otherwise the predicate from the right."""
    if start > pivot:
        return rf"{_PREDICATE}\{_PREDICATE}"
    return "S/S" if start < subject or subject < 0 else f"{_PREDICATE}/{_PREDICATE}"


def head_of(tokens: tuple[Token, ...], chunk: list[int]) -> int:
    """Return the last noun, name or pronoun of a chunk that is not a measure word before another
    one; the last word if there is none."""
    nominal = [index for index in chunk if tokens[index].pos in _NOMINAL]
    return nominal[-1] if nominal else chunk[-1]


def _tag_noun_phrase(
    tokens: tuple[Token, ...], chunk: list[int], tags: list[str], category: str
) -> None:
    r"""Tag a noun phrase. The head is N beside a determiner or number (which makes an NP of it),
    otherwise NP; its modifiers are N/N or N\N."""
    head = head_of(tokens, chunk)
    whole = category if category == "NP" else f"({category})"
    determiners = [index for index in chunk if tokens[index].pos in _DETERMINING]
    for index in chunk:
        before = index < head
        if index == head:
            tags[index] = "N" if determiners else category
        elif determiners and index == determiners[0]:
            tags[index] = f"{whole}/N" if before else rf"{whole}\N"
        elif tokens[index].pos == "ADP":
            tags[index] = f"{whole}/{whole}" if before else rf"{whole}\{whole}"
        else:
            tags[index] = "N/N" if before else r"N\N"


def _tag_adjunct(
    tokens: tuple[Token, ...], chunk: list[int], tags: list[str], category: str
) -> None:
    """Tag an adjunct: an adposition makes one of its noun phrase; without an adposition the phrase
    itself is the adjunct."""
    wrapped = f"({category})"
    adpositions = [index for index in chunk if tokens[index].pos == "ADP"]
    nouns = [index for index in chunk if index not in adpositions]
    if not adpositions or not nouns:
        _tag_noun_phrase(tokens, chunk, tags, category)
        return
    first = adpositions[0]
    tags[first] = f"{wrapped}/NP" if first < nouns[0] else rf"{wrapped}\NP"
    for index in adpositions[1:]:
        tags[index] = "NP/NP" if index < nouns[0] else r"NP\NP"
    _tag_noun_phrase(tokens, nouns, tags, "NP")
