"""Map (task, split) to the locations of its labelled files. The first location with labelled files
wins; there is a table per format."""

from collections.abc import Mapping
from types import MappingProxyType

from xstilts_core.data.readers.layout import Layout
from xstilts_core.data.readers.layouts.choices import CHOICES
from xstilts_core.data.readers.layouts.domains import DOMAINS
from xstilts_core.data.readers.layouts.pairs import PAIRS
from xstilts_core.data.readers.layouts.ranking import RANKING
from xstilts_core.data.readers.layouts.sentences import SENTENCES
from xstilts_core.data.readers.layouts.spans import SPANS
from xstilts_core.data.readers.layouts.tags import TAGS

FILES: Mapping[tuple[str, str], tuple[Layout, ...]] = MappingProxyType(
    {**PAIRS, **CHOICES, **SPANS, **TAGS, **SENTENCES, **RANKING, **DOMAINS}
)
