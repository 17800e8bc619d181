"""Which intermediate data a translation model has still to say in other languages, counted before
it is run.

A sentence is translated once, by the first run that needs it, whatever recipe or seed that run is
of. Runs that draw some of the examples draw different ones by each seed: of a share p of the
training data, when a share q of it is translated already, p * (1 - q) are new on average.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xstilts_core.jobs.estimate.question import Rendered, Rendering
from xstilts_core.jobs.estimate.work import size
from xstilts_core.study.spec import IntermediateSpec, Spec
from xstilts_core.tasks import task


def needed(specs: Iterable[Spec]) -> dict[Path, dict[Rendering, float]]:
    """By run, in this order, the training examples to be translated that no run before it has; none
    of runs without a translator."""
    covered: dict[Rendering, float] = {}
    drawn: set[tuple[object, ...]] = set()
    found: dict[Path, dict[Rendering, float]] = {}
    for spec in specs:
        if not isinstance(spec, IntermediateSpec) or not spec.translators:
            continue
        for part, rows, all_rows in sizes(spec):
            for code in spec.translated:
                asked = Rendering(
                    spec.translator_for(code), code, part, spec.source, spec.data_root
                )
                draw = (asked, rows, tuple(spec.data_languages), spec.seed)
                if draw in drawn or not all_rows:
                    continue
                drawn.add(draw)
                new = rows / all_rows / len(spec.data_languages) * (1 - covered.get(asked, 0.0))
                covered[asked] = covered.get(asked, 0.0) + new
                examples = found.setdefault(spec.folder, {})
                examples[asked] = examples.get(asked, 0.0) + new * all_rows
    return found


def sizes(spec: IntermediateSpec) -> list[tuple[str, float, int]]:
    """(part, training examples of it that are used, all of them) of every task of a run; several
    parts keep their shares."""
    found = []
    for name in spec.tasks:
        parts = task(name).parts or (name,)
        rows = [size(part, "train", spec.source, spec.data_root) for part in parts]
        most = spec.examples_of(name) or sum(rows)
        for part, count in zip(parts, rows, strict=True):
            share = most if task(name).staged else most * count / max(1, sum(rows))
            found.append((part, min(float(count), share), count))
    return found


def left(
    before: Sequence[Spec], todo: Sequence[Spec], costs: Mapping[Rendering, Rendered]
) -> tuple[dict[Path, float], dict[tuple[str, str], float]]:
    """(seconds of translation by run of `todo`, sentences by translator and language) that are
    still to do.

    before: runs that have finished. Sentences that are kept on disk, whoever made them, count as so
    many of those needed.
    """
    plans = needed([*before, *todo])
    open_runs = {spec.folder for spec in todo}
    wanted: dict[tuple[str, str], float] = {}
    missing: dict[tuple[str, str], float] = {}
    for folder, examples in plans.items():
        for asked, count in examples.items():
            pair, sentences = (
                (asked.translator, asked.language),
                count * costs[asked].sentences if asked in costs else 0.0,
            )
            wanted[pair] = wanted.get(pair, 0.0) + sentences
            missing[pair] = missing.get(pair, 0.0) + (sentences if folder in open_runs else 0.0)
    kept = {(asked.translator, asked.language): cost.kept for asked, cost in costs.items()}
    still = {
        pair: max(0.0, min(count, wanted[pair] - kept.get(pair, 0)))
        for pair, count in missing.items()
    }
    share = {pair: still[pair] / count if count else 0.0 for pair, count in missing.items()}
    seconds = {
        folder: sum(
            count * costs[asked].seconds * share[asked.translator, asked.language]
            for asked, count in examples.items()
        )
        for folder, examples in plans.items()
        if folder in open_runs
    }
    return seconds, still
