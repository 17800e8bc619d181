"""The card of a study's scores as a data set on the hub: the grid, its data, scores and limits."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import DatasetCard, DatasetCardData

from xstilts_core import analysis, results
from xstilts_core.analysis.findings import counted
from xstilts_core.errors import UsageError
from xstilts_core.languages import LANGUAGES
from xstilts_core.publish.cards.data import data_table, shown
from xstilts_core.publish.cards.folder import new_folder
from xstilts_core.publish.cards.limits import data_limits, listed
from xstilts_core.publish.cards.origin import CITATION, PROJECT, written
from xstilts_core.publish.cards.record import Record, record
from xstilts_core.publish.task_table import pipes
from xstilts_core.results import SCORES
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE, SPECS, DataSpec
from xstilts_core.study.study_file import studies
from xstilts_core.tasks import TASKS

if TYPE_CHECKING:
    import pandas

# The hub's size categories, by number of rows.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HYPERPARAMETERS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "max_length",
    "train_examples",
    "test_examples",
    "freeze_embeddings",
)
FEW_SEEDS = 5
# The phases whose runs have scores.
PHASES = tuple(name for name in SPECS if name != DataSpec.phase)
_MEANINGS = {
    "study": "the study's name",
    "phase": f"{', '.join(PHASES[:-1])} or {PHASES[-1]}",
    "recipe": f"how the encoder was prepared; {BASELINE} is the baseline",
    "seed": "seed of the run, the same through all phases",
    "train_on": "task whose English training data were used; empty if nothing was trained",
    "task": "task that is scored",
    "language": "ISO 639-1 code",
    "split": "dev or test",
    "metric": "the metric",
    "value": "in percent, except perplexity",
    "n": "number of items scored",
    results.SIZE: "number of English training examples of the target, if it is varied; 0: all",
}


def finished(study: Study) -> list[Record]:
    """Return the finished runs that match the study's current file. Raise UsageError for a study
    without runs of its own, or without finished ones."""
    if study.published:
        raise UsageError(
            f"{study.file}: these scores were published by others ({study.published}), "
            "so there are no runs to describe"
        )
    if study.parts:
        raise UsageError(
            f"{study.file}: a study of parts has no runs of its own: "
            f"name one of {', '.join(study.parts)}"
        )
    runs = [
        record(state.spec.folder) for state in results.states(study.specs) if state.state == "done"
    ]
    if not any(run.result.scores for run in runs):
        raise UsageError(
            f"{study.name} has no scores yet below {study.root}: xstilts run {study.name}"
        )
    return runs


def study_card(study: Study) -> DatasetCard:
    """Return the card of a study, made from its file and the result.json of its finished runs.
    Raise UsageError if there are none."""
    runs = finished(study)
    introduction_lines = [
        f"# {PROJECT}: {study.name}",
        "",
        f"**{study.title}**",
        "",
        introduction(study),
    ]
    text = "\n\n".join(
        "\n".join(lines)
        for lines in [introduction_lines, *sections(study, runs), ["## Cite", "", CITATION]]
    )
    return DatasetCard(f"---\n{front_matter(study, runs).to_yaml()}\n---\n\n{text}\n")


def sections(study: Study, runs: Sequence[Record]) -> list[list[str]]:
    """Return a card's sections between introduction and citation, as lines of Markdown."""
    trained = [run for run in runs if run.result.phase != DataSpec.phase]
    return [
        ["## Recipes", "", *recipes(study)],
        ["## Settings", "", *settings(trained)],
        ["## Data and licences", "", *licences(study, runs)],
        ["## Scores", "", *scores(study)],
        [
            f"## Columns of {SCORES}",
            "",
            *pipes([("column", "meaning"), ("---", "---"), *columns(runs)]),
        ],
        ["## Limits", "", *listed(limits(study, trained))],
        ["## Provenance", "", *provenance(study, runs)],
        ["## Reproduction", "", *reproduction(study, runs)],
    ]


def front_matter(study: Study, runs: Sequence[Record]) -> DatasetCardData:
    """Return the metadata that the hub indexes, without a licence, which the publisher chooses."""
    rows = sum(len(run.result.scores) for run in runs)
    languages = {score.language for run in runs for score in run.result.scores}
    return DatasetCardData(
        pretty_name=f"{PROJECT}: {study.name}",
        language=[code for code in LANGUAGES if code in languages] or None,
        multilinguality="multilingual" if len(languages) > 1 else "monolingual",
        size_categories=next((name for limit, name in SIZES if rows < limit), "1M<n<10M"),
        tags=[PROJECT, "cross-lingual-transfer", "scores"],
        configs=[{"config_name": "scores", "data_files": SCORES}],
    )


def export_study(study: Study, out: Path) -> Path:
    """Write the card (README.md), scores.csv and the study's file to the new folder `out` and
    return `out`.

    The scores are from finished runs alone, without stale runs and runs that the study no longer
    has.
    """
    card, scores = str(study_card(study)), results.table([run.result for run in finished(study)])
    with new_folder(out) as folder:
        (folder / "README.md").write_text(card, encoding="utf-8")
        scores.to_csv(folder / SCORES, index=False)
        shutil.copyfile(study.file, folder / Path(study.file).name)
    return out


def introduction(study: Study) -> str:
    grid = (
        f"{len(study.recipes)} recipes, {len(study.targets)} targets, "
        f"{counted(len(study.seeds), 'seed')}"
    )
    return (
        "Scores of a study of intermediate-task training for zero-shot cross-lingual transfer: "
        f"{grid}. Encoder: {shown(study.encoder)}; data: {study.source}. "
        f"{analysis.headline(analysis.runs(study))}"
    )


def recipes(study: Study) -> list[str]:
    """Return a table of the recipes: their intermediate tasks and settings."""
    rows = []
    for name, recipe in study.recipes.items():
        recipe_settings = ", ".join(
            f"{key} {shown(value)}" for key, value in recipe.settings.items()
        )
        tasks = ", ".join(TASKS[task].title for task in recipe.intermediate)
        rows.append(
            (
                name,
                tasks
                or (f"control: {recipe.control}" if recipe.control else "nothing: the baseline"),
                recipe_settings,
            )
        )
    return pipes(
        [("recipe", "intermediate tasks", "settings of its own"), ("---", "---", "---"), *rows]
    )


def settings(runs: Sequence[Record]) -> list[str]:
    """Return a table of all values of the hyper-parameters in finished runs, by phase and task."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for run in runs:
        groups.setdefault((run.result.phase, ", ".join(run.tasks)), []).append(run)
    rows = []
    for (phase, tasks), group in groups.items():
        cells = [
            "; ".join(dict.fromkeys(shown(run.spec[name]) for run in group if name in run.spec))
            for name in _HYPERPARAMETERS
        ]
        rows.append((phase, tasks, str(len(group)), *cells))
    names = ("phase", "trained on", "runs", *_HYPERPARAMETERS)
    return ["0 examples: all.", "", *pipes([names, ["---"] * len(names), *rows])]


def licences(study: Study, runs: Sequence[Record]) -> list[str]:
    """Return the lines on the data sets that were read, and on the licence of the scores."""
    revisions = {
        name: commit
        for run in runs
        for name, commit in run.result.provenance.get("revisions", {}).items()
    }
    names = list(dict.fromkeys(name for run in runs for name in (*run.data, *scored(run))))
    table = data_table(names, {"source": study.source, "benchmark": study.benchmark}, revisions)
    commits = [f"- {name}: `{commit}`" for name, commit in revisions.items()]
    return [
        *table,
        *(["", *commits] if commits else []),
        "",
        "The scores themselves are numbers; no licence is stated for them here.",
    ]


def scored(run: Record) -> list[str]:
    return [score.task for score in run.result.scores]


def scores(study: Study) -> list[str]:
    """Return the mean gains by recipe and target, and the baseline's scores by language with n."""
    frame = analysis.contenders(analysis.finished(study), study.controls)
    try:
        matrix, baseline_scores = analysis.gain_matrix(frame), analysis.baseline(frame)
    except UsageError as error:
        return [f"There is no table of gains: {error}"]
    names = [str(name) for name in matrix.columns]
    rows = [
        (
            f"{BASELINE} (score)",
            *(number(baseline_scores.iloc[0][name], "") for name in matrix.columns),
        )
    ]
    rows += [
        (f"{recipe} (gain)", *(number(row[name], "+") for name in matrix.columns))
        for recipe, row in matrix.iterrows()
    ]
    languages = analysis.baseline_by_language(frame)
    return [
        "Each task's own metric, in percent; gains in points over the baseline. Mean of the "
        "languages other than English and of the seeds.",
        "",
        *pipes([("recipe", *names), ["---"] * (len(names) + 1), *rows]),
        "",
        "The baseline by language: mean of the seeds, and n test items per seed.",
        "",
        *by_language(languages),
    ]


def number(value: float, sign: str) -> str:
    """Return a value with one decimal, without -0.0; "" for NaN (a missing run)."""
    return "" if value != value else f"{value:{sign}z.1f}"


def by_language(table: "pandas.DataFrame") -> list[str]:
    """Return a table of the baseline's scores: a row per task, with value and n per language."""
    rows = []
    for name, group in table.groupby("task", sort=False):
        cells = ", ".join(
            f"{row.language} {row.value:.1f} (n {row.n:,})" for row in group.itertuples()
        )
        rows.append(
            (TASKS[str(name)].title, TASKS[str(name)].metric, str(group["seeds"].max()), cells)
        )
    return pipes([("task", "metric", "seeds", "value and n by language"), ("---",) * 4, *rows])


def columns(runs: Sequence[Record]) -> list[tuple[str, str]]:
    """Return the columns of scores.csv and their meanings."""
    return [
        (f"`{name}`", _MEANINGS[name])
        for name in results.table([run.result for run in runs]).columns
    ]


def limits(study: Study, runs: Sequence[Record]) -> list[str]:
    """Return the caveats on the grid as a whole, then those on its runs."""
    sentences = []
    if len(study.seeds) < FEW_SEEDS:
        sentences.append(
            f"{counted(len(study.seeds), 'seed')}: small differences cannot be told from chance. "
            "The means above are without intervals."
        )
    if missing := sum(state.state != "done" for state in results.states(study.specs)):
        sentences.append(
            f"The grid is not complete: {missing} of its {len(study.specs)} runs are missing, "
            "failed or out of date."
        )
    if study.controls:
        sentences.append(
            f"Recipes that are controls, for comparison only: {', '.join(study.controls)}."
        )
    sentences.append("Training and test sets are limited to the sizes in the settings.")
    return [*sentences, *(sentence for run in runs for sentence in data_limits(run.spec))]


def provenance(study: Study, runs: Sequence[Record]) -> list[str]:
    """Return a table of commits, versions and machines, with a row per combination."""
    table = analysis.machines(study)
    names = [str(name) for name in table.columns]
    rows = [[str(value) for value in row] for row in table.itertuples(index=False)]
    source_studies = sorted(
        {
            str(run.result.provenance["shared_from"]).partition("/")[0]
            for run in runs
            if "shared_from" in run.result.provenance
        }
    )
    shared_lines = (
        ["", f"Some runs were taken over from {', '.join(source_studies)}."]
        if source_studies
        else []
    )
    return [
        "dirty: the source had changes that were not committed.",
        "",
        *pipes([names, ["---"] * len(names), *rows]),
        *shared_lines,
    ]


def reproduction(study: Study, runs: Sequence[Record]) -> list[str]:
    """Return the lines with the command that reproduces the study and the commits to check out."""
    commits = list(
        dict.fromkeys(commit for run in runs if (commit := run.result.provenance.get("commit")))
    )
    name = study.name if study.name in studies() else Path(study.file).name
    options = " --data-root DIR" if any(run.spec.get("data_root") for run in runs) else ""
    options += "".join(f" --{key} {written(value)}" for key, value in study.given.items())
    lines = [
        "```bash",
        *([f"git checkout {commits[0]}"] if len(commits) == 1 else []),
        f"xstilts run {name}{options}",
        "```",
    ]
    if len(commits) > 1:
        lines += [
            "",
            f"Its runs were made from {len(commits)} commits. A single commit reproduces the grid, "
            "but perhaps not the same numbers.",
        ]
    if study.on_hub:
        lines += [
            "",
            "With the commits above in `params/hub.lock` the same data and encoder are fetched.",
        ]
    return lines
