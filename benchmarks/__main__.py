"""Measure speed ratios to named peers on the same work: print a table, write JSON, exit 1 if a goal
is missed.

example:
  python -m benchmarks                              all parts, half an hour or more on 4 cores
  python -m benchmarks train evaluate --rounds 3
  python -m benchmarks robustness --study smoke
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

# torch reads these on import, so they are set before all other imports.
os.environ.update(
    {
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }
)

from benchmarks import measure
from xstilts_core.errors import UsageError, unknown


def train(options: argparse.Namespace) -> list[measure.Measure]:
    from benchmarks import training

    with measure.pinned():
        return training.run(options.rounds)


def evaluate(options: argparse.Namespace) -> list[measure.Measure]:
    from benchmarks import evaluation

    with measure.pinned():
        return evaluation.run(options.rounds)


def metrics(options: argparse.Namespace) -> list[measure.Measure]:
    from benchmarks import scoring

    with measure.pinned():
        return scoring.run(options.rounds)


def mine(options: argparse.Namespace) -> list[measure.Measure]:
    from benchmarks import mining

    with measure.pinned():
        return mining.run(options.rounds)


def embed(options: argparse.Namespace) -> list[measure.Measure]:
    from benchmarks import embedding

    with measure.pinned():
        return embedding.run(options.rounds)


def startup(options: argparse.Namespace) -> list[measure.Measure]:
    from benchmarks import startup

    return startup.run(options.rounds)


def robustness(options: argparse.Namespace) -> list[measure.Measure]:
    from benchmarks import robustness

    return robustness.run(options.study_rounds, options.study)


PARTS: dict[str, Callable[[argparse.Namespace], list[measure.Measure]]] = {
    "train": train,
    "evaluate": evaluate,
    "metrics": metrics,
    "mine": mine,
    "embed": embed,
    "startup": startup,
    "robustness": robustness,
}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=raw
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        metavar="N",
        help="number of rounds; all sides take turns in each (default: 5)",
    )
    parser.add_argument(
        "--study",
        default="quick",
        metavar="NAME",
        help="study of the part robustness (default: quick)",
    )
    parser.add_argument(
        "--study-rounds",
        type=int,
        default=1,
        metavar="N",
        help="runs of that study, undisturbed and disturbed each (default: 1)",
    )
    parser.add_argument(
        "--json",
        default="outputs/benchmarks.json",
        metavar="FILE",
        help="output file for all figures (default: %(default)s)",
    )
    parser.add_argument(
        "--page",
        default="",
        metavar="FILE",
        help="also write the table into this Markdown page, between its marks",
    )
    options = parser.parse_args(arguments)
    for part in options.parts:
        if part not in PARTS:
            raise unknown("part", part, PARTS, "the command")
    for name in ("rounds", "study_rounds"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} {getattr(options, name)}: give 1 or more")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the parts. Return 0 if all goals are reached, 1 if one is missed or two sides differ, 2
    for a mistake in the command."""
    try:
        options = parse(arguments)
        facts = {
            "machine": measure.machine(),
            "rounds": options.rounds,
            "load_before": measure.load_average(),
        }
        measures = []
        for part in options.parts or PARTS:
            print(f"{part} ...", file=sys.stderr, flush=True)
            measures += PARTS[part](options)
        facts["load_after"] = measure.load_average()
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except measure.Unequal as error:
        print(f"the sides differ, so nothing is timed: {error}", file=sys.stderr)
        return 1
    print("\n".join(measure.lines(measures, facts)))
    measure.write(Path(options.json), measures, facts)
    if options.page:
        measure.quote(Path(options.page), measures, facts)
    return 0 if all(result.passed for result in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
