"""Convert text from data to HTML: escaped, isolated from its surroundings, with its language and
direction, and with marks at character spans.

Everything that comes from a data set, a study or a result passes through here on its way to a page.
Characters that reorder the text around them (overrides, embeddings, isolates: Unicode Standard
Annex 9) or that are invisible are replaced by their code points. Marks that a script needs
(joiners, left-to-right and right-to-left marks) stay.
"""

import re
from collections.abc import Iterable
from html import escape
from itertools import pairwise

from markupsafe import Markup

# Bidirectional embeddings, overrides and isolates; line and paragraph separators; control
# characters except tab and line feed.
UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x08\x0b-\x1f\x7f-\x9f]")
Span = tuple[int, int, str]
"""(first character, end, name of the mark)."""


def visible(text: object) -> str:
    """Write out invisible characters, for text without markup such as the options of a control."""
    return UNSEEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", str(text))


def plain(text: object) -> Markup:
    """Convert text to HTML: escape markup and write out invisible characters. HTML stays."""
    return text if isinstance(text, Markup) else Markup(escape(visible(text)))


def name(text: object) -> Markup:
    """Format a name (recipe, task, run, title) for use within English text; it is isolated so that
    its script cannot reorder the words around it."""
    return Markup(f"<bdi>{plain(text)}</bdi>")


def note(text: object) -> Markup:
    """Format a remark below or in place of a table."""
    return Markup(f'<p class="xs-note">{plain(text)}</p>')


def passage(text: str, language: str, spans: Iterable[Span] = ()) -> Markup:
    """Format a text of the data in its language: `lang` selects fonts and voices, and `dir="auto"`
    the side where the text begins. Spans become <mark> elements; where they overlap, an element has
    several classes."""
    clipped = [
        (max(0, first), min(len(text), end), label) for first, end, label in spans if first < end
    ]
    edges = sorted({0, len(text), *(edge for first, end, _ in clipped for edge in (first, end))})
    pieces = []
    for first, end in pairwise(edges):
        piece = plain(text[first:end])
        labels = [label for start, stop, label in clipped if start <= first and end <= stop]
        if labels:
            piece = Markup(f'<mark class="{plain(" ".join(dict.fromkeys(labels)))}">{piece}</mark>')
        pieces.append(piece)
    return Markup(
        f'<span class="xs-text" lang="{plain(language)}" dir="auto">{"".join(pieces)}</span>'
    )
