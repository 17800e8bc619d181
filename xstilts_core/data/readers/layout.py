"""Define where a task's files are below a data root: the row type of the tables in `layouts/`."""

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts_core.examples import Example
from xstilts_core.languages import language


@dataclass(frozen=True, slots=True)
class Layout:
    """One location of labelled examples of a task and split.

    patterns: globs below the data root with {code}, {tatoeba}, {treebank} or {name} of the
    language. All matching files are read together, in the order of the patterns and then of their
    names. A pattern without a language is for English. read: files and language code to examples.
    labelled_columns: number of columns of a labelled file, if a copy without labels has the same
    file name; otherwise 0. companions: suffixes of the files that must accompany a labelled one.
    condition: a further test of a file, if neither of these shows whether it is labelled.
    languages: the only languages of this location, even if its path names none. refusal: why files
    there cannot be used: they are never read, and the error states the reason. requires, excludes:
    a path below the data root that must exist, or must not, for the location to apply (slices of a
    data set).
    """

    patterns: tuple[str, ...]
    read: Callable[[list[Path], str], Sequence[Example]]
    labelled_columns: int = 0
    companions: tuple[str, ...] = ()
    condition: Callable[[Path], bool] | None = None
    languages: tuple[str, ...] = ()
    refusal: str = ""
    requires: str = ""
    excludes: str = ""

    def patterns_for(self, code: str) -> list[str]:
        """Return the patterns of one language. There are none if files are named by a code that the
        language lacks."""
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

    def files_of(self, code: str, data_root: Path) -> list[Path]:
        """Return the files of one language, labelled or not."""
        if (self.requires and not (data_root / self.requires).exists()) or (
            self.excludes and (data_root / self.excludes).exists()
        ):
            return []
        return [
            path
            for pattern in self.patterns_for(code)
            for path in sorted(data_root.glob(pattern))
            if path.is_file()
        ]

    def find(self, code: str, data_root: Path) -> list[Path]:
        """Return the labelled files of one language."""
        if self.refusal:
            return []
        return [path for path in self.files_of(code, data_root) if self.is_labelled(path)]

    def is_labelled(self, path: Path) -> bool:
        """Return whether the first line that is not blank has as many columns as a labelled file.
        The line is not decoded, because `available` checks many files."""
        if not all(path.with_suffix(suffix).is_file() for suffix in self.companions):
            return False
        if self.condition and not self.condition(path):
            return False
        if not self.labelled_columns:
            return True
        with path.open("rb") as file:
            first = next((line for line in file if line.removeprefix(BOM_UTF8).strip()), b"")
        return first.count(b"\t") + 1 >= self.labelled_columns


def refusal(reason: str, *patterns: str, languages: tuple[str, ...] = ()) -> Layout:
    """Return a location that is never read. If it has files, the error for missing files states the
    reason ("... is packed: ...")."""
    return Layout(patterns, lambda paths, code: (), languages=languages, refusal=reason)


def packed(*patterns: str, languages: tuple[str, ...] = ()) -> Layout:
    """Return the location of archives that are still to be unpacked."""
    return refusal("is still packed: unpack it in its folder", *patterns, languages=languages)


def also_below(folders: Sequence[str], *layouts: Layout) -> tuple[Layout, ...]:
    """Return the layouts below each folder, then without one: an archive may be unpacked in its own
    folder or in the data root."""
    prefixes = [*(f"{folder}/" for folder in folders), ""]
    return tuple(
        replace(layout, patterns=tuple(prefix + pattern for pattern in layout.patterns))
        for prefix in prefixes
        for layout in layouts
    )
