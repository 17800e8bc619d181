"""Where the files of a task stand below a data root: the row type of the tables in `layouts/`."""

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts_core.examples import Example
from xstilts_core.languages import language


@dataclass(frozen=True, slots=True)
class Layout:
    """One place where labelled examples of a task and split may stand.

    patterns: globs below the data root with {code}, {tatoeba}, {treebank} or {name} of the
    language; all files they find are read together, in the order of the patterns and then of their
    names. A pattern without a language is for English. read: files and language code to examples.
    labelled_columns: how many columns a labelled file has, where the same file name is also used
    for a copy without labels; 0 where it is not. beside: suffixes of the files that a labelled one
    needs at its side. holds: a further test of a file, where neither says whether it is labelled.
    languages: the only ones the place is for, one without a language in its name too. refused: why
    what stands there cannot be used: it is never read, and the reason is told. given, unless: a
    path below the data root that must be there, or must not, for the place to count (slices of a
    data set).
    """

    patterns: tuple[str, ...]
    read: Callable[[list[Path], str], Sequence[Example]]
    labelled_columns: int = 0
    beside: tuple[str, ...] = ()
    holds: Callable[[Path], bool] | None = None
    languages: tuple[str, ...] = ()
    refused: str = ""
    given: str = ""
    unless: str = ""

    def expected(self, code: str) -> list[str]:
        """The patterns of one language; none where files are named by a code that the language
        lacks."""
        row = language(code)
        names = {
            "code": code,
            "tatoeba": row.tatoeba,
            "treebank": row.treebank,
            "name": row.name.lower(),
        }
        return [
            pattern.format(**names)
            for pattern in self.patterns
            if (code in self.languages if self.languages else "{" in pattern or code == "en")
            and all(value or f"{{{key}}}" not in pattern for key, value in names.items())
        ]

    def present(self, code: str, data_root: Path) -> list[Path]:
        """The files of one language, labelled or not."""
        if (self.given and not (data_root / self.given).exists()) or (
            self.unless and (data_root / self.unless).exists()
        ):
            return []
        return [
            path
            for pattern in self.expected(code)
            for path in sorted(data_root.glob(pattern))
            if path.is_file()
        ]

    def find(self, code: str, data_root: Path) -> list[Path]:
        """The labelled files of one language."""
        if self.refused:
            return []
        return [path for path in self.present(code, data_root) if self.is_labelled(path)]

    def is_labelled(self, path: Path) -> bool:
        """Whether the first line that is not blank has as many columns as a labelled file;
        undecoded, as `available` asks many files."""
        if not all(path.with_suffix(suffix).is_file() for suffix in self.beside):
            return False
        if self.holds and not self.holds(path):
            return False
        if not self.labelled_columns:
            return True
        with path.open("rb") as file:
            first = next((line for line in file if line.removeprefix(BOM_UTF8).strip()), b"")
        return first.count(b"\t") + 1 >= self.labelled_columns


def refusal(reason: str, *patterns: str, languages: tuple[str, ...] = ()) -> Layout:
    """A place that is never read: where files stand in it, the error for the missing ones tells the
    reason ("... is packed: ...")."""
    return Layout(patterns, lambda paths, code: (), languages=languages, refused=reason)


def packed(*patterns: str, languages: tuple[str, ...] = ()) -> Layout:
    """Archives that nobody unpacked."""
    return refusal("is still packed: unpack it where it stands", *patterns, languages=languages)


def also_below(folders: Sequence[str], *layouts: Layout) -> tuple[Layout, ...]:
    """The places below each folder, then without one: an archive may be unpacked in a folder of its
    own or in the data root."""
    prefixes = [*(f"{folder}/" for folder in folders), ""]
    return tuple(
        replace(layout, patterns=tuple(prefix + pattern for pattern in layout.patterns))
        for prefix in prefixes
        for layout in layouts
    )
