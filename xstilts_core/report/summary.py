"""The end of a study on the terminal: gains, baseline scores, failures in plain words, where to
look."""

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

if TYPE_CHECKING:
    import pandas

_PLAIN_WIDTH = 140


def console() -> Console:
    """Standard output, square brackets of names and paths included; wide enough for the matrix
    where it is no terminal."""
    plain = Console(markup=False)
    return plain if plain.is_terminal else Console(markup=False, width=_PLAIN_WIDTH)


def shown(value: float, signed: bool) -> str:
    if value != value:  # NaN: a run is missing
        return "."
    return f"{value:+z.1f}" if signed else f"{value:.1f}"


def matrix_table(
    gains: "pandas.DataFrame",
    baseline: "pandas.DataFrame",
    width: int,
    unlearnt: Collection[str] = (),
) -> Table:
    """Baseline scores in percent, gains over them in points. Targets are columns, or rows where
    `width` characters are too few.

    A dagger marks the recipes that did not learn.
    """
    missing = float("nan")
    targets = [str(name) for name in gains.columns]
    lines = [["recipe", *targets]]
    lines += [
        [f"{BASELINE} (score)", *(shown(row.get(name, missing), False) for name in targets)]
        for _, row in baseline.iterrows()
    ]
    lines += [
        [f"{learnt.marked(recipe, unlearnt)} (gain)", *(shown(row[name], True) for name in targets)]
        for recipe, row in gains.iterrows()
    ]
    upright = sum(max(map(len, column)) + 3 for column in zip(*lines, strict=True)) < width
    header, *rows = lines if upright else [list(column) for column in zip(*lines, strict=True)]
    table = Table()
    for number, name in enumerate(header if upright else ["target", *header[1:]]):
        table.add_column(name, justify="right" if number else "left", no_wrap=upright)
    for number, row in enumerate(rows):
        table.add_row(*row, end_section=upright and number == 0)
    return table


def print_gains(study: Study, out: Console) -> None:
    """The main table of the study and what did not learn; says what is missing where there is
    nothing to compare yet."""
    unlearnt = learnt.unlearnt(study)
    _print_matrix(study, unlearnt, out)
    for line in unlearnt.values():
        out.print(f"{learnt.MARK} {line}", highlight=False, soft_wrap=True)


def _print_matrix(study: Study, unlearnt: Collection[str], out: Console) -> None:
    """The main table, or why there is none."""
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
    title = f"{study.name}: points gained over the baseline, mean of the languages other than English, seeds {seeds}"
    out.print(f"\n{title}", soft_wrap=True, highlight=False)
    out.print(matrix_table(gains, baseline, out.width, unlearnt))


def print_failures(
    runs: Mapping[str, str], reports: Mapping[str, str], left: int, root: Path, out: Console
) -> None:
    """Each failed run and report, why it failed, and where its notebook with the traceback stands;
    `left`: runs that never began."""
    for kind, failures in (("run", runs), ("report", reports)):
        if failures:
            out.print(
                Text(
                    f"{len(failures)} {kind}{'s' if len(failures) > 1 else ''} failed:",
                    style="bold red",
                )
            )
        for name, reason in failures.items():
            out.print(f"  {name}: {reason}", highlight=False, soft_wrap=True)
            if (notebook := root / name / results.NOTEBOOK).is_file():
                out.print(f"    traceback: {notebook}", highlight=False, soft_wrap=True)
    if left:
        what = (
            f"{left} more could not be made without them"
            if runs
            else f"{left} run{' was' if left == 1 else 's were'} not begun"
        )
        out.print(f"{what}. The same command makes what is missing.")


def _make_reports(study: Study, jobs: int, profile: str, lock: TextIO) -> dict[str, str]:
    """Run the report notebooks over the runs that are done. Returns those that failed, and why."""
    call = grid.command(study, ["reports"], jobs, profile, partial=True)
    if grid.run(call, study, lock, lambda process: process.wait()) == 0:
        return {}
    folders = {f"report/{name}": study.root / "report" / name for name in study.reports}
    notes = {
        name: folder / results.FAILURE
        for name, folder in folders.items()
        if not (folder / results.RESULT).is_file()
    }
    unknown = (
        disk.full_sentence(study.root, 0) if disk.is_exhausted(study.root) else "it was not run"
    )
    return {
        name: path.read_text(encoding="utf-8").strip() if path.is_file() else unknown
        for name, path in notes.items()
    }


def conclude(
    study: Study, jobs: int, profile: str, lock: TextIO
) -> tuple[list[str], dict[str, str]]:
    """Collect the scores, make the reports and their page. Returns lines that say where they are,
    and what failed, and why."""
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
