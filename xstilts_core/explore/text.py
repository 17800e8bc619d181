"""Convert text from data to HTML: escaped, isolated from its surroundings, with its language and
direction, and with marks at character spans.

Everything that comes from a data set, a study or a result passes through here on its way to a page.
Characters that reorder the text around them (overrides, embeddings, isolates: Unicode Standard
Annex 9) or that are invisible are replaced by their code points. Marks that a script needs
(joiners, left-to-right and right-to-left marks) stay.
"""

import html
import re
from collections.abc import Iterable
from itertools import pairwise

# Bidirectional embeddings, overrides and isolates; line and paragraph separators; control
# characters except tab and line feed.
UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x08\x0b-\x1f\x7f-\x9f]")
Span = tuple[int, int, str]
"""(first character, end, name of the mark)."""


def visible(text: object) -> str:
    """Write out invisible characters, for text without markup such as the options of a control."""
    return UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", str(text))


def plain(text: object) -> str:
    """Convert text to HTML: escape markup and write out invisible characters."""
    return html.escape(visible(text), quote=True)


def name(text: object) -> str:
    """Format a name (recipe, task, run, title) for use within English text; it is isolated so that
    its script cannot reorder the words around it."""
    return f"<bdi>{plain(text)}</bdi>"


def tagged(text: str, language: str) -> str:
    """Put HTML in an element with its language: `lang` selects fonts and voices, and `dir="auto"`
    the side where the text begins."""
    return f'<span class="xs-text" lang="{plain(language)}" dir="auto">{text}</span>'


def passage(text: str, language: str, spans: Iterable[Span] = ()) -> str:
    """Format a text of the data in its language. Spans become <mark> elements; where they overlap,
    an element has several classes."""
    clipped = [
        (max(0, first), min(len(text), end), label) for first, end, label in spans if first < end
    ]
    edges = sorted({0, len(text), *(edge for first, end, _ in clipped for edge in (first, end))})
    runs = []
    for first, end in pairwise(edges):
        marks = list(
            dict.fromkeys(label for start, stop, label in clipped if start <= first and end <= stop)
        )
        run = plain(text[first:end])
        runs.append(f'<mark class="{plain(" ".join(marks))}">{run}</mark>' if marks else run)
    return tagged("".join(runs), language)
