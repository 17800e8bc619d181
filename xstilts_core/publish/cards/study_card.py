"""The card of a study's scores, as a data set of the hub: the grid, what was trained on what, the
scores, what they do not show."""

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

# The hub's own words for the number of rows.
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
# Those of runs that have scores.
PHASES = tuple(name for name in SPECS if name != DataSpec.phase)
_MEANINGS = {
    "study": "the study's name",
    "phase": f"{', '.join(PHASES[:-1])} or {PHASES[-1]}",
    "recipe": f"how the encoder was prepared; {BASELINE} is the baseline",
    "seed": "seed of the run, the same through all phases",
    "train_on": "task whose English training data were used; empty where nothing was trained",
    "task": "task that is scored",
    "language": "ISO 639-1 code",
    "split": "dev or test",
    "metric": "the metric",
    "value": "in percent, but for perplexity",
    "n": "number of items scored",
    results.SIZE: "number of English training examples of the target, where that is varied; 0: all",
}


def finished(study: Study) -> list[Record]:
    """The runs that are done as the study's file has them now. UsageError for a study without runs
    of its own, or without finished ones."""
    if study.published:
        raise UsageError(
            f"{study.file}: these scores were published by others ({study.published}): there is nothing of yours to describe"
        )
    if study.parts:
        raise UsageError(
            f"{study.file}: a study of parts has no runs of its own: name one of {', '.join(study.parts)}"
        )
    found = [
        record(found.spec.folder) for found in results.states(study.specs) if found.state == "done"
    ]
    if not any(run.result.scores for run in found):
        raise UsageError(
            f"{study.name} has no scores yet below {study.root}: xstilts run {study.name}"
        )
    return found


def study_card(study: Study) -> DatasetCard:
    """The card of a study, made from the study's file and the result.json of its finished runs.
    UsageError where there are none."""
    runs = finished(study)
    head = [f"# {PROJECT}: {study.name}", "", f"**{study.title}**", "", introduction(study)]
    text = "\n\n".join(
        "\n".join(lines) for lines in [head, *sections(study, runs), ["## Cite", "", CITATION]]
    )
    return DatasetCard(f"---\n{front_matter(study, runs).to_yaml()}\n---\n\n{text}\n")


def sections(study: Study, runs: Sequence[Record]) -> list[list[str]]:
    """What a card says between its introduction and whom to cite: lines of Markdown."""
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
        ["## To make it again", "", *reproduction(study, runs)],
    ]


def front_matter(study: Study, runs: Sequence[Record]) -> DatasetCardData:
    """What the hub indexes. A licence is for whoever publishes to choose."""
    rows = sum(len(run.result.scores) for run in runs)
    spoken = {score.language for run in runs for score in run.result.scores}
    return DatasetCardData(
        pretty_name=f"{PROJECT}: {study.name}",
        language=[code for code in LANGUAGES if code in spoken] or None,
        multilinguality="multilingual" if len(spoken) > 1 else "monolingual",
        size_categories=next((name for limit, name in SIZES if rows < limit), "1M<n<10M"),
        tags=[PROJECT, "cross-lingual-transfer", "scores"],
        configs=[{"config_name": "scores", "data_files": SCORES}],
    )


def export_study(study: Study, out: Path) -> Path:
    """Write README.md, the card, scores.csv and the study's file to the new folder `out`. Returns
    it.

    Scores are those of the finished runs alone: not of stale ones, nor of runs that the study no
    longer has.
    """
    card, scores = str(study_card(study)), results.table([run.result for run in finished(study)])
    with new_folder(out) as part:
        (part / "README.md").write_text(card, encoding="utf-8")
        scores.to_csv(part / SCORES, index=False)
        shutil.copyfile(study.file, part / Path(study.file).name)
    return out


def introduction(study: Study) -> str:
    grid = f"{len(study.recipes)} recipes, {len(study.targets)} targets, {counted(len(study.seeds), 'seed')}"
    return (
        f"Scores of a study of intermediate-task training for zero-shot cross-lingual transfer: {grid}. Encoder: {shown(study.encoder)}; "
        f"data: {study.source}. {analysis.headline(analysis.runs(study))}"
    )


def recipes(study: Study) -> list[str]:
    """What each recipe does to the encoder."""
    rows = []
    for name, recipe in study.recipes.items():
        own = ", ".join(f"{key} {shown(value)}" for key, value in recipe.settings.items())
        tasks = ", ".join(TASKS[entry].title for entry in recipe.intermediate)
        rows.append(
            (
                name,
                tasks
                or (f"control: {recipe.control}" if recipe.control else "nothing: the baseline"),
                own,
            )
        )
    return pipes(
        [("recipe", "intermediate tasks", "settings of its own"), ("---", "---", "---"), *rows]
    )


def settings(runs: Sequence[Record]) -> list[str]:
    """Hyper-parameters by phase and task, each with all the values that finished runs had."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for run in runs:
        groups.setdefault((run.result.phase, ", ".join(run.tasks)), []).append(run)
    rows = []
    for (phase, tasks), found in groups.items():
        cells = [
            "; ".join(dict.fromkeys(shown(run.spec[name]) for run in found if name in run.spec))
            for name in _HYPERPARAMETERS
        ]
        rows.append((phase, tasks, str(len(found)), *cells))
    names = ("phase", "trained on", "runs", *_HYPERPARAMETERS)
    return ["0 examples: all.", "", *pipes([names, ["---"] * len(names), *rows])]


def licences(study: Study, runs: Sequence[Record]) -> list[str]:
    """Every data set that was read, and a sentence on the scores themselves."""
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
    """Means by recipe and target, and the baseline by language with n."""
    frame = analysis.contenders(analysis.finished(study), study.controls)
    try:
        matrix, base = analysis.gain_matrix(frame), analysis.baseline(frame)
    except UsageError as error:
        return [f"There is no table of gains: {error}"]
    names = [str(name) for name in matrix.columns]
    rows = [(f"{BASELINE} (score)", *(number(base.iloc[0][name], "") for name in matrix.columns))]
    rows += [
        (f"{recipe} (gain)", *(number(row[name], "+") for name in matrix.columns))
        for recipe, row in matrix.iterrows()
    ]
    languages = analysis.baseline_by_language(frame)
    return [
        "Each task's own metric, in percent; gains in points over the baseline. Mean of the languages other than English and of the seeds.",
        "",
        *pipes([("recipe", *names), ["---"] * (len(names) + 1), *rows]),
        "",
        "The baseline, language by language: mean of the seeds, and n test items of a seed.",
        "",
        *by_language(languages),
    ]


def number(value: float, sign: str) -> str:
    """One decimal, no -0.0; empty where a run is missing."""
    return "" if value != value else f"{value:{sign}z.1f}"


def by_language(table: "pandas.DataFrame") -> list[str]:
    """The baseline's scores: a row per task, languages with value and n."""
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
    """The columns of scores.csv and what they mean."""
    return [
        (f"`{name}`", _MEANINGS[name])
        for name in results.table([run.result for run in runs]).columns
    ]


def limits(study: Study, runs: Sequence[Record]) -> list[str]:
    """Of the grid as a whole, then of its runs."""
    found = []
    if len(study.seeds) < FEW_SEEDS:
        found.append(
            f"{counted(len(study.seeds), 'seed')}: small differences cannot be told from chance. The means above are without intervals."
        )
    if missing := sum(found.state != "done" for found in results.states(study.specs)):
        found.append(
            f"The grid is not complete: {missing} of its {len(study.specs)} runs are missing, failed or out of date."
        )
    if study.controls:
        found.append(
            f"Recipes that are controls, made to be compared with: {', '.join(study.controls)}."
        )
    found.append("Training and test sets are cut where the settings say so.")
    return [*found, *(sentence for run in runs for sentence in data_limits(run.spec))]


def provenance(study: Study, runs: Sequence[Record]) -> list[str]:
    """Commits, versions and machines, a row per combination."""
    table = analysis.machines(study)
    names = [str(name) for name in table.columns]
    rows = [[str(value) for value in row] for row in table.itertuples(index=False)]
    shared = sorted(
        {
            str(run.result.provenance["shared_from"]).partition("/")[0]
            for run in runs
            if "shared_from" in run.result.provenance
        }
    )
    taken = ["", f"Some runs were taken over from {', '.join(shared)}."] if shared else []
    return [
        "dirty: the source had changes that were not committed.",
        "",
        *pipes([names, ["---"] * len(names), *rows]),
        *taken,
    ]


def reproduction(study: Study, runs: Sequence[Record]) -> list[str]:
    """The command, and the commits to stand at."""
    commits = list(
        dict.fromkeys(found for run in runs if (found := run.result.provenance.get("commit")))
    )
    name = study.name if study.name in studies() else Path(study.file).name
    places = " --data-root DIR" if any(run.spec.get("data_root") for run in runs) else ""
    places += "".join(f" --{key} {written(value)}" for key, value in study.given.items())
    lines = [
        "```bash",
        *([f"git checkout {commits[0]}"] if len(commits) == 1 else []),
        f"xstilts run {name}{places}",
        "```",
    ]
    if len(commits) > 1:
        lines += [
            "",
            f"Its runs were made from {len(commits)} commits; one of them makes the same grid, but not surely the same numbers.",
        ]
    if study.source == "hub":
        lines += [
            "",
            "With the commits above in `params/hub.lock` the same data and encoder are fetched.",
        ]
    return lines
