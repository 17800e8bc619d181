"""Find where English sentences begin and end, for SQuAD, whose files do not mark them."""

import re
from itertools import pairwise

# White space after a sentence's end: its mark, closing quotation marks and brackets, and
# Wikipedia's notes ("[note 1]"). The next sentence begins with a capital or a digit, possibly after
# a quotation mark or bracket.
BREAK = re.compile(r"""(?<=[.?!])[)'"”\]]*(?:\[[^\[\]]{1,20}\])*\s+(?=['"“(\[]*[A-Z0-9À-Þ])""")
# A full stop after these, or after single capitals ("J. R. R."), is part of the word.
_ABBREVIATIONS = (
    r"Mr|Mrs|Ms|Dr|Prof|Rev|Fr|St|Sta|Msgr|Lt|Gen|Col|Maj|Adm|Capt|Sgt|Rep|Gov|Sen|Pres|Jr|Sr|Mt|"
    r"Ft|Nos?|Vol|Art|Sec|Op|pp|vs|cf|ca|approx|esp|etc|Jan|Feb|Aug|Sept|Oct|Nov|Dec|Bros|Inc|Co|Ltd|al|e\.g|i\.e|a\.k\.a|a\.m|p\.m"
)
UNFINISHED = re.compile(rf"(?:^|[\s(\[\"'“])(?:{_ABBREVIATIONS}|(?:[A-Z]\.)*[A-Z])\.$")
# Even after single capitals these words begin a sentence ("in the U.S. The ...").
_BEGINNINGS = re.compile(
    r"(?:The|This|These|That|It|He|She|They|In|On|At|By|As|For|However|After|During|While|When|Although)\b"
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every sentence, without the white space around it. Line breaks are
    white space.

    The rule is our own, in the spirit of the pattern-based breaker with which XTREME-R trains
    LAReQA's models (google-research/xtreme, third_party/processors/sb_sed.py), which has more
    exceptions. Every character that is not white space is in exactly one sentence.
    """
    cuts = [
        0,
        *(match.end() for match in BREAK.finditer(text) if _is_break(text, match)),
        len(text),
    ]
    pieces = [(first, text[first:last]) for first, last in pairwise(cuts)]
    stripped = [
        (first + len(piece) - len(piece.lstrip()), piece.strip())
        for first, piece in pieces
        if piece.strip()
    ]
    return [(first, first + len(piece)) for first, piece in stripped]


def _is_break(text: str, match: re.Match[str]) -> bool:
    """Return whether a sentence ends here, that is, not after an abbreviation."""
    before = text[max(0, match.start() - 20) : match.start()]
    return not UNFINISHED.search(before) or bool(_BEGINNINGS.match(text, match.end()))
