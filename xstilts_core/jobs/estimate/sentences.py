"""Count the intermediate data that a translation model still has to translate, before it is run.

A sentence is translated once, by the first run that needs it, whatever that run's recipe or seed.
Runs that draw some of the examples draw different ones for each seed: of a share p of the training
data, when a share q of it is translated already, p * (1 - q) are new on average.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xstilts_core.data.source import source_of
from xstilts_core.jobs.estimate.question import Rendered, Rendering
from xstilts_core.jobs.estimate.work import size
from xstilts_core.study.spec import IntermediateSpec, Spec
from xstilts_core.tasks import task


def needed(specs: Iterable[Spec]) -> dict[Path, dict[Rendering, float]]:
    """Return, by run and in this order, the training examples to translate that no earlier run
    covers. Runs without a translator are omitted."""
    covered: dict[Rendering, float] = {}
    drawn: set[tuple[object, ...]] = set()
    examples_by_run: dict[Path, dict[Rendering, float]] = {}
    for spec in specs:
        if not isinstance(spec, IntermediateSpec) or not spec.translators:
            continue
        for part, rows, all_rows in sizes(spec):
            for code in spec.translated:
                rendering = Rendering(
                    spec.translator_for(code), code, part, spec.source, spec.data_root
                )
                draw = (rendering, rows, tuple(spec.data_languages), spec.seed)
                if draw in drawn or not all_rows:
                    continue
                drawn.add(draw)
                share = (
                    rows / all_rows / len(spec.data_languages) * (1 - covered.get(rendering, 0.0))
                )
                covered[rendering] = covered.get(rendering, 0.0) + share
                examples = examples_by_run.setdefault(spec.folder, {})
                examples[rendering] = examples.get(rendering, 0.0) + share * all_rows
    return examples_by_run


def sizes(spec: IntermediateSpec) -> list[tuple[str, float, int]]:
    """Return (part, number of training examples used, number of all) for every task of a run;
    several parts keep their proportions."""
    counts = []
    for name in spec.tasks:
        parts = task(name).parts or (name,)
        rows = [size(source_of(spec), part, "train") for part in parts]
        limit = spec.examples_of(name) or sum(rows)
        for part, count in zip(parts, rows, strict=True):
            share = limit if task(name).staged else limit * count / max(1, sum(rows))
            counts.append((part, min(float(count), share), count))
    return counts


def left(
    before: Sequence[Spec], todo: Sequence[Spec], costs: Mapping[Rendering, Rendered]
) -> tuple[dict[Path, float], dict[tuple[str, str], float]]:
    """Return (seconds of translation by run of `todo`, sentences by translator and language) that
    remain.

    before: finished runs. Sentences that are stored on disk count towards those needed, whichever
    run translated them.
    """
    plans = needed([*before, *todo])
    open_runs = {spec.folder for spec in todo}
    total: dict[tuple[str, str], float] = {}
    missing: dict[tuple[str, str], float] = {}
    for folder, examples in plans.items():
        for rendering, count in examples.items():
            pair, sentences = (
                (rendering.translator, rendering.language),
                count * costs[rendering].sentences if rendering in costs else 0.0,
            )
            total[pair] = total.get(pair, 0.0) + sentences
            missing[pair] = missing.get(pair, 0.0) + (sentences if folder in open_runs else 0.0)
    stored = {
        (rendering.translator, rendering.language): cost.kept for rendering, cost in costs.items()
    }
    remaining = {
        pair: max(0.0, min(count, total[pair] - stored.get(pair, 0)))
        for pair, count in missing.items()
    }
    share = {pair: remaining[pair] / count if count else 0.0 for pair, count in missing.items()}
    seconds = {
        folder: sum(
            count * costs[rendering].seconds * share[rendering.translator, rendering.language]
            for rendering, count in examples.items()
        )
        for folder, examples in plans.items()
        if folder in open_runs
    }
    return seconds, remaining
