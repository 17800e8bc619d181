"""Conclude a study: write scores.csv, make its reports, print gains and failures."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files import disk
from xstilts_core.jobs import grid
from xstilts_core.phases import learnt
from xstilts_core.report import webpage
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.wording.numbers import counted, number

if TYPE_CHECKING:
    import pandas

_PLAIN_WIDTH = 140


def console() -> Console:
    """Return a console on standard output that prints square brackets in names and paths literally.
    If the output is not a terminal, the console is wide enough for the matrix."""
    plain = Console(markup=False)
    return plain if plain.is_terminal else Console(markup=False, width=_PLAIN_WIDTH)


def matrix_table(
    gains: "pandas.DataFrame",
    baseline: "pandas.DataFrame",
    width: int,
    unlearnt: Collection[str] = (),
) -> Table:
    """Return a table of baseline scores (percent) and of gains over them (points).

    Targets are columns, or rows if `width` characters are too few. A dagger: it did not learn.
    """
    targets = list(gains.columns)

    def cells(row: "pandas.Series", sign: bool) -> list[str]:
        return [number(value, sign=sign, missing=".") for value in row.reindex(targets)]

    lines = [["recipe", *map(str, targets)]]
    lines += [[f"{BASELINE} (score)", *cells(row, False)] for _, row in baseline.iterrows()]
    lines += [
        [f"{learnt.marked(recipe, unlearnt)} (gain)", *cells(row, True)]
        for recipe, row in gains.iterrows()
    ]
    wide = sum(max(map(len, column)) + 3 for column in zip(*lines, strict=True)) < width
    header, *rows = lines if wide else [list(column) for column in zip(*lines, strict=True)]
    table = Table()
    for column, name in enumerate(header if wide else ["target", *header[1:]]):
        table.add_column(name, justify="right" if column else "left", no_wrap=wide)
    for position, row in enumerate(rows):
        table.add_row(*row, end_section=wide and position == 0)
    return table


def print_gains(study: Study, out: Console) -> None:
    """Print the main table and the recipes that did not learn, or why there is nothing to compare
    yet."""
    unlearnt = learnt.unlearnt(study)
    _print_matrix(study, unlearnt, out)
    for line in unlearnt.values():
        out.print(f"{learnt.MARK} {line}", highlight=False, soft_wrap=True)


def _print_matrix(study: Study, unlearnt: Collection[str], out: Console) -> None:
    """Print the study's main table, or the reason why there is none."""
    from xstilts_core import analysis

    frame = analysis.finished(study)
    if frame.empty:
        out.print("No run has finished: there are no scores to show.")
        return
    frame = analysis.contenders(frame, study.controls)
    try:
        gains, baseline = analysis.gain_matrix(frame), analysis.baseline(frame)
    except UsageError as error:
        out.print(f"No table of gains: {error}", markup=False)
        return
    seeds = ", ".join(str(seed) for seed in sorted(frame["seed"].unique()))
    title = (
        f"{study.name}: points gained over the baseline, "
        f"mean of the languages other than English, seeds {seeds}"
    )
    out.print(f"\n{title}", soft_wrap=True, highlight=False)
    out.print(matrix_table(gains, baseline, out.width, unlearnt))


def print_failures(
    runs: Mapping[str, str], reports: Mapping[str, str], left: int, root: Path, out: Console
) -> None:
    """Print each failed run and report, the reason, and the path of the notebook with the
    traceback. `left` is the number of runs that were not started."""
    for kind, failures in (("run", runs), ("report", reports)):
        if failures:
            out.print(
                Text(
                    f"{counted(len(failures), kind)} failed:",
                    style="bold red",
                )
            )
        for name, reason in failures.items():
            out.print(f"  {name}: {reason}", highlight=False, soft_wrap=True)
            if (notebook := root / name / results.NOTEBOOK).is_file():
                out.print(f"    traceback: {notebook}", highlight=False, soft_wrap=True)
    if left:
        sentence = (
            f"{left} more could not be run without them"
            if runs
            else f"{counted(left, 'run')} {'was' if left == 1 else 'were'} not started"
        )
        out.print(f"{sentence}. Run the same command again to complete the study.")


def _make_reports(study: Study, jobs: int, profile: str, lock: TextIO) -> dict[str, str]:
    """Run the report notebooks on the finished runs; return those that failed, with the reasons."""
    command = grid.command(study, ["reports"], jobs, profile, partial=True)
    if grid.run(command, study, lock, lambda process: process.wait()) == 0:
        return {}
    folders = {f"report/{name}": study.root / "report" / name for name in study.reports}
    failure_notes = {
        name: folder / results.FAILURE
        for name, folder in folders.items()
        if not (folder / results.RESULT).is_file()
    }
    default_reason = (
        disk.full_sentence(study.root, 0) if disk.is_exhausted(study.root) else "it was not run"
    )
    return {
        name: path.read_text(encoding="utf-8").strip() if path.is_file() else default_reason
        for name, path in failure_notes.items()
    }


def conclude(
    study: Study, jobs: int, profile: str, lock: TextIO
) -> tuple[list[str], dict[str, str]]:
    """Write scores.csv, then make the reports and their page. Return lines with their paths, and a
    mapping from what failed to the reason."""
    lines, failures = [], {}
    try:
        if not study.published:
            lines.append(f"scores: {results.write_scores(study.root, study.specs)}")
        failures = _make_reports(study, jobs, profile, lock)
        lines.append(f"report: {webpage.build(study)}")
    except UsageError as error:
        lines.append(f"no report: {error}")
    except OSError as error:
        if not disk.is_full(error):
            raise
        failures["reports" if lines else results.SCORES] = disk.full_sentence(study.root, 0)
    return lines, failures
