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
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

from xstilts_core import results
from xstilts_core.data.source import Source, source_of
from xstilts_core.errors import UsageError
from xstilts_core.files.disk import write_text
from xstilts_core.jobs.estimate.work import BACKWARD, Work, scored_languages, test_split, work
from xstilts_core.jobs.kernel import environment
from xstilts_core.jobs.notebook import notebook_path
from xstilts_core.study import identity
from xstilts_core.study.spec import (
    SPECS,
    EncoderSpec,
    IntermediateSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
    TuneSpec,
    make,
)

# All trials of a study together.
SECONDS = 300
# Examples of a split in the first trial. All trials of the study have _FEW if that shows an encoder
# that needs fewer seconds than _FAST for an example.
_FEWEST, _FEW, _FAST = 32, 96, 0.02
_STEPS, _LANGUAGES = 10, 3


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a run: fixed, and for each unit of its work."""

    fixed: float = 0.0
    unit: float = 0.0

    def seconds(self, planned: Work) -> float:
        return self.fixed + self.unit * planned.units


def measure(specs: Sequence[Spec], threads: int) -> list[Speed | str]:
    """Return the speed of each of these runs, or in one sentence why it could not be measured.

    The runs are cut and write to a temporary folder, in one process that has no network and as many
    threads as a run, and that ends with this one. Speeds are kept among the temporary files, so
    that the same runs are not tried again.
    """
    if not specs:
        return []
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    question = json.dumps([threads, devices, [identity.of_spec(spec).token for spec in specs]])
    name = f"xstilts-{os.getuid()}-trial-{sha256(question.encode()).hexdigest()[:16]}.json"
    cache = Path(tempfile.gettempdir()) / name
    if cache.is_file():
        return [Speed(**speed) for speed in json.loads(cache.read_text(encoding="utf-8"))]
    speeds, problem = _tried(specs, threads)
    if len(speeds) == len(specs) and not any(isinstance(speed, str) for speed in speeds):
        write_text(cache, json.dumps([asdict(speed) for speed in speeds]))
    return speeds + [problem] * (len(specs) - len(speeds))


def _tried(specs: Sequence[Spec], threads: int) -> tuple[list[Any], str]:
    """Return the speeds, or the errors, of the runs that were tried, and why the others were
    not."""
    variables = {**os.environ, **environment(threads, offline=True)}
    module = "xstilts_core.jobs.estimate.trial"
    call = [sys.executable, "-m", "xstilts_core.jobs.lifeline", str(os.getpid()), module]
    with tempfile.TemporaryDirectory(prefix="xstilts-trial-") as folder:
        runs = [(spec.phase, spec.model_dump(mode="json")) for spec in specs]
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
                last_line = (errors.read().strip().splitlines() or ["no output"])[-1]
                problem = f"the trial failed: {last_line}"
            except subprocess.TimeoutExpired as late:
                output = (late.stdout or b"").decode()
                problem = f"the trial took more than {SECONDS} seconds"
    lines = [json.loads(line) for line in output.splitlines()]
    return [line["error"] if "error" in line else Speed(**line) for line in lines], problem


def _cut(spec: Spec, outputs: str, few: int) -> Spec:
    """Return the run of a trial: few steps and languages, and no phase before it."""
    changes: dict[str, Any] = {"outputs": outputs, "study": "trial", "recipe": "none"}
    changes["checkpoint_every"] = 0
    if isinstance(spec, EncoderSpec) and spec.encoder == "pretrained":
        trained = Path(outputs) / "trial" / "pretrain" / f"seed{spec.seed}" / "model"
        changes["encoder"] = str(trained if trained.is_dir() else spec.phase1)
    if isinstance(spec, PretrainSpec):
        changes |= {"steps": _STEPS, "documents": min(spec.documents, few)}
    if isinstance(spec, TuneSpec):
        changes |= {"epochs": 1, "least_steps": 0, "evaluations": 1, "evaluate_every": 0}
        changes |= {"dev_examples": 8}
    if isinstance(spec, IntermediateSpec):
        changes |= {"recipe": "trial", "restarts": 0, "data_languages": [], "translator": ""}
        changes |= {"noise": 0.0, "mlm_documents": few}
    if isinstance(spec, ProbingSpec):
        changes["probes"] = spec.probes[:2]
    if isinstance(spec, TargetSpec | RetrievalSpec | ProbingSpec):
        source, most = source_of(spec), 1 if isinstance(spec, TargetSpec) else _LANGUAGES
        codes = [
            code
            for name in spec.scores or spec.uses[:2]
            for code in scored_languages(source, name, test_split(source, name), spec.languages)[
                :most
            ]
        ]
        changes["languages"] = list(dict.fromkeys(codes))
    fields = {**spec.model_dump(mode="json"), **changes}
    legal = {name: value for name, value in fields.items() if name in type(spec).model_fields}
    return make(type(spec), legal, "the trial")


def _execute(spec: Spec, few: int) -> Speed:
    """Run a notebook's cells and return the speed of the run. Of a training, all the rest of the
    notebook is fixed; without one, nothing is.

    Seconds are CPU time if the run computes with one thread, so that other load does not count.
    """
    page = json.loads(notebook_path(spec.notebook).read_text(encoding="utf-8"))
    cells = [cell for cell in page["cells"] if cell["cell_type"] == "code"]
    variables: dict[str, Any] = {"__name__": "__main__"}
    load, most = Source.load, few if isinstance(spec, TuneSpec) else None

    def cut(source: Source, name: str, split: str, code: str) -> list[Any]:
        return load(source, name, split, code)[:most]

    wall, cpu = time.perf_counter(), time.process_time()
    with mock.patch.object(Source, "load", cut), redirect_stdout(io.StringIO()):
        for cell in cells:
            exec("".join(cell["source"]), variables)
            if "parameters" in cell["metadata"].get("tags", ()):
                variables.update(spec.changed())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = results.read(spec.folder / results.RESULT)
    share = cpu / wall if result.provenance["device"] == "cpu, 1 threads" else 1.0
    if not isinstance(spec, TuneSpec | PretrainSpec):
        return Speed(0.0, share * wall / max(1, work(spec).units))
    training = result.details["seconds"]
    batch = spec.batch_tokens if isinstance(spec, PretrainSpec) else spec.batch_size
    rows = batch * sum(result.details["counts"].values())
    return Speed(share * (wall - training), share * training / (BACKWARD * rows))


def main() -> None:
    """Read the folder for outputs and the runs from standard input; print a line for each run."""
    folder, runs = json.load(sys.stdin)
    few = _FEWEST
    for number, (phase, fields) in enumerate(runs):
        try:
            spec = make(SPECS[phase], fields, "the trial")
            speed = _execute(_cut(spec, folder, few), few)
            if number == 0:  # again, because late imports must not count
                few = _FEW if speed.unit < _FAST else _FEWEST
                speed = _execute(_cut(spec, folder, few), few)
            line = asdict(speed)
        except Exception as error:  # any error of a notebook: the other runs are still measured
            kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
            line = {"error": kind + " ".join(str(error).split())}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
