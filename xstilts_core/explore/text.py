"""Text from data as HTML: escaped, isolated from its surroundings, in its own language and
direction, with marks at character spans.

Everything that a data set, a study or a result brings passes through here on its way to a page.
What reorders the text around it (overrides, embeddings, isolates: Unicode Standard Annex 9) or
cannot be seen is shown by its number instead. Marks that a script needs (joiners, left-to-right and
right-to-left marks) stay.
"""

import html
import re
from collections.abc import Iterable
from itertools import pairwise

# Bidirectional embeddings, overrides and isolates; line and paragraph separators; controls but for
# tab and line feed.
UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x08\x0b-\x1f\x7f-\x9f]")
Span = tuple[int, int, str]
"""(first character, end, name of the mark)."""


def visible(text: object) -> str:
    """The text with what cannot be seen written out, for places that take text and no markup (the
    options of a control)."""
    return UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", str(text))


def plain(text: object) -> str:
    """The text for HTML: markup is no markup any more, and what cannot be seen is."""
    return html.escape(visible(text), quote=True)


def name(text: object) -> str:
    """A name (recipe, task, run, title) in the middle of English words: its letters cannot turn
    those around it."""
    return f"<bdi>{plain(text)}</bdi>"


def tagged(text: str, language: str) -> str:
    """HTML of the language in a box of its own: `lang` chooses fonts and voices, `dir="auto"` the
    side where it begins."""
    return f'<span class="xs-text" lang="{plain(language)}" dir="auto">{text}</span>'


def passage(text: str, language: str, spans: Iterable[Span] = ()) -> str:
    """A text of the data in its language. Spans become <mark> elements; where they overlap, an
    element has several classes."""
    kept = [
        (max(0, first), min(len(text), end), label) for first, end, label in spans if first < end
    ]
    edges = sorted({0, len(text), *(edge for first, end, _ in kept for edge in (first, end))})
    parts = []
    for first, end in pairwise(edges):
        marks = list(
            dict.fromkeys(label for start, stop, label in kept if start <= first and end <= stop)
        )
        part = plain(text[first:end])
        parts.append(f'<mark class="{plain(" ".join(marks))}">{part}</mark>' if marks else part)
    return tagged("".join(parts), language)
