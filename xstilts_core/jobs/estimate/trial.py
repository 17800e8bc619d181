"""Measure this machine's speed with the notebooks of a study's own runs, each cut to a few steps.

`python -m xstilts_core.jobs.estimate.trial` reads (phase, parameters) pairs as JSON and prints for
each a line of JSON: a Speed, or {"error": ...}. All notebooks run in this one process, because
importing torch for each would take longer than the trial.
"""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xstilts_core import results
from xstilts_core.data.source import Source, source_of
from xstilts_core.errors import UsageError
from xstilts_core.jobs.estimate.work import ALL, Work, scored_languages, test_split, work
from xstilts_core.jobs.kernel import environment
from xstilts_core.jobs.notebook import notebook_path
from xstilts_core.study.spec import (
    SPECS,
    EncoderSpec,
    IntermediateSpec,
    PretrainSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
    make,
)

# All trials of a study together.
SECONDS = 300
# Examples per split in the first trial of a kind; the second has up to _MOST_TIMES as many, so that
# it takes about _SECONDS_A_TRIAL.
_FEW, _MOST_TIMES, _SECONDS_A_TRIAL = 32, 8, 1.5
_STEPS = 10


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a run: fixed, by trained row, and by scored example."""

    fixed: float = 0.0
    trained: float = 0.0
    scored: float = 0.0

    def seconds(self, planned: Work) -> float:
        return self.fixed + self.trained * planned.trained + self.scored * planned.scored


def measure(specs: Sequence[Spec], threads: int) -> list[Speed | str]:
    """Return the speed of each of these runs, or in one sentence why it could not be measured.

    The runs are cut and write to a temporary folder, in one process that has no network and as many
    threads as a run, and that ends with this one.
    """
    if not specs:
        return []
    variables = {**os.environ, **environment(threads, offline=True)}
    module = "xstilts_core.jobs.estimate.trial"
    call = [sys.executable, "-m", "xstilts_core.jobs.lifeline", str(os.getpid()), module]
    with TemporaryDirectory(prefix="xstilts-trial-") as folder:
        runs = [(spec.phase, spec.model_dump(mode="json")) for spec in specs]
        problem = "the trial failed: "
        with open(Path(folder) / "errors", "w+", encoding="utf-8") as errors:
            try:
                output = subprocess.run(
                    call,
                    input=json.dumps([folder, runs]),
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    timeout=SECONDS,
                    env=variables,
                ).stdout
                errors.seek(0)
                problem += (errors.read().strip().splitlines() or ["no output"])[-1]
            except subprocess.TimeoutExpired as late:
                output = (late.stdout or b"").decode()
                problem = f"the trial took more than {SECONDS} seconds"
    lines = [json.loads(line) for line in output.splitlines()]
    measured: list[Speed | str] = [
        line["error"] if "error" in line else Speed(**line) for line in lines
    ]
    return measured + [problem] * (len(specs) - len(measured))


@contextmanager
def _few_examples(most: int) -> Iterator[None]:
    """Let every split have at most `most` examples."""
    load = Source.load

    def cut(source: Source, name: str, split: str, code: str) -> list[Any]:
        return load(source, name, split, code)[:most]

    Source.load = cut  # type: ignore[method-assign]
    try:
        yield
    finally:
        Source.load = load  # type: ignore[method-assign]


def _cut(spec: Spec, outputs: str, times: int) -> Spec:
    """Return the run of a trial: few steps, no phase before it, and `times` as many examples or
    languages as the smallest trial."""
    changes: dict[str, Any] = {"outputs": outputs, "study": "trial", "recipe": "none"}
    if isinstance(spec, EncoderSpec) and spec.encoder == "pretrained":
        trained = Path(outputs) / "trial" / "pretrain" / f"seed{spec.seed}" / "model"
        changes["encoder"] = str(trained if trained.is_dir() else spec.phase1)
    if isinstance(spec, PretrainSpec):
        few = min(spec.documents, _FEW * times)
        changes |= {"steps": _STEPS * times, "documents": few, "checkpoint_every": 0}
    if isinstance(spec, IntermediateSpec | TargetSpec):
        short = {"epochs": 1, "least_steps": 0, "evaluations": 1, "evaluate_every": 0}
        changes |= {**short, "dev_examples": 8, "checkpoint_every": 0}
    if isinstance(spec, IntermediateSpec):
        changes |= {"recipe": "trial", "restarts": 0, "data_languages": [], "translator": ""}
        changes |= {"noise": 0.0, "mlm_documents": _FEW}
    if isinstance(spec, TargetSpec | RetrievalSpec):
        source, codes = source_of(spec), []
        for name in spec.scores:
            known = scored_languages(source, name, test_split(source, name), spec.languages)
            codes += known[: 1 if times == 1 else 2]
        changes["languages"] = list(dict.fromkeys(codes))
    fields = {**spec.model_dump(mode="json"), **changes}
    legal = {name: value for name, value in fields.items() if name in type(spec).model_fields}
    return make(type(spec), legal, "the trial")


def _execute(spec: Spec, most: int) -> tuple[float, float]:
    """Run a notebook's cells; return (seconds of its training, seconds of the rest).

    Seconds are CPU time if the run computes with one thread, so that other load does not count.
    """
    page = json.loads(notebook_path(spec.notebook).read_text(encoding="utf-8"))
    cells = [cell for cell in page["cells"] if cell["cell_type"] == "code"]
    variables: dict[str, Any] = {"__name__": "__main__"}
    wall, cpu = time.perf_counter(), time.process_time()
    with _few_examples(most), redirect_stdout(io.StringIO()):
        for cell in cells:
            exec("".join(cell["source"]), variables)
            if "parameters" in cell["metadata"].get("tags", ()):
                variables.update(spec.changed())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = results.read(spec.folder / results.RESULT)
    one_thread = result.provenance["device"] == "cpu, 1 threads"
    share = cpu / wall if one_thread else 1.0
    training = float(result.details.get("seconds", 0.0))
    return share * training, share * (wall - training)


def _try(spec: Spec, outputs: str) -> Speed:
    """Measure a run by two trials of different sizes."""
    # Retrieval needs both sides of its sentences whole; its trials differ in their languages.
    few = ALL if isinstance(spec, RetrievalSpec) else _FEW
    small = _cut(spec, outputs, 1)
    training, rest = _execute(small, few)
    if training + rest < 4 * _SECONDS_A_TRIAL:  # once more: late imports must not count
        training, rest = _execute(small, few)
    times = max(2, min(_MOST_TIMES, round(_SECONDS_A_TRIAL / (training + rest))))
    large = _cut(spec, outputs, times)
    before, after = work(small, few), work(large, few * times)
    training, all_rest = _execute(large, few * times)
    scored = all_rest / max(1, after.scored)
    if all_rest > rest and after.scored > before.scored:
        scored = min(scored, (all_rest - rest) / (after.scored - before.scored))
    fixed = all_rest - scored * after.scored
    return Speed(fixed, training / max(1, after.trained), scored)


def main() -> None:
    """Read the folder for outputs and the runs from standard input; print a line for each run."""
    folder, runs = json.load(sys.stdin)
    for phase, fields in runs:
        try:
            spec = make(SPECS[phase], fields, "the trial")
            line = asdict(_try(spec, folder))
        except Exception as error:  # any error of a notebook: the other runs are still measured
            kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
            line = {"error": kind + " ".join(str(error).split())}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
