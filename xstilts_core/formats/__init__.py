"""The behavior of every task format: `FORMATS[task.format]`."""

from xstilts_core.formats.choice import Choice
from xstilts_core.formats.format import (
    Batch,
    Format,
    HeadOptions,
    Limits,
    batch_of,
    gather,
    select,
)
from xstilts_core.formats.pair import Pair
from xstilts_core.formats.ranking import Ranking
from xstilts_core.formats.span import Span
from xstilts_core.formats.tagging import Tagging
from xstilts_core.formats.tokens import Encoded

__all__ = [
    "FORMATS",
    "Batch",
    "Encoded",
    "Format",
    "HeadOptions",
    "Limits",
    "batch_of",
    "gather",
    "select",
]

FORMATS: dict[str, Format] = {
    form.name: form for form in (Pair(), Choice(), Span(), Tagging(), Ranking())
}
