"""Where English sentences begin and end, for SQuAD, whose files do not say it."""

import re
from itertools import pairwise

# White space after a sentence's end: its mark, the quotation marks and brackets that close with it,
# Wikipedia's notes ("[note 1]"). The next sentence opens with a capital or a digit, maybe behind a
# quotation mark or bracket.
BREAK = re.compile(r"""(?<=[.?!])[)'"”\]]*(?:\[[^\[\]]{1,20}\])*\s+(?=['"“(\[]*[A-Z0-9À-Þ])""")
# A full stop after these, or after single capitals ("J. R. R."), belongs to the word.
_ABBREVIATIONS = (
    r"Mr|Mrs|Ms|Dr|Prof|Rev|Fr|St|Sta|Msgr|Lt|Gen|Col|Maj|Adm|Capt|Sgt|Rep|Gov|Sen|Pres|Jr|Sr|Mt|Ft|Nos?|Vol|Art|Sec|Op|pp|vs|cf|ca|"
    r"approx|esp|etc|Jan|Feb|Aug|Sept|Oct|Nov|Dec|Bros|Inc|Co|Ltd|al|e\.g|i\.e|a\.k\.a|a\.m|p\.m"
)
UNFINISHED = re.compile(rf"(?:^|[\s(\[\"'“])(?:{_ABBREVIATIONS}|(?:[A-Z]\.)*[A-Z])\.$")
# After single capitals these begin a sentence all the same ("in the U.S. The ...").
_BEGINNINGS = re.compile(
    r"(?:The|This|These|That|It|He|She|They|In|On|At|By|As|For|However|After|During|While|When|Although)\b"
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence, without the white space around it; line breaks are white
    space.

    A rule of its own in the spirit of the pattern-based breaker that XTREME-R trains LAReQA's
    models with (google-research/xtreme, third_party/processors/sb_sed.py), which has more
    exceptions. Every character that is not white space is in exactly one sentence.
    """
    cuts = [
        0,
        *(found.end() for found in BREAK.finditer(text) if _is_break(text, found)),
        len(text),
    ]
    parts = [(first, text[first:last]) for first, last in pairwise(cuts)]
    stripped = [
        (first + len(part) - len(part.lstrip()), part.strip())
        for first, part in parts
        if part.strip()
    ]
    return [(first, first + len(part)) for first, part in stripped]


def _is_break(text: str, found: re.Match[str]) -> bool:
    """Whether a sentence ends here: not behind an abbreviation."""
    before = text[max(0, found.start() - 20) : found.start()]
    return not UNFINISHED.search(before) or bool(_BEGINNINGS.match(text, found.end()))
