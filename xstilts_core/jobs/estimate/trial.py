"""Measure this machine's speed with the notebooks of a study's own runs, each cut to a few steps.

All notebooks run in one process of their own, because importing torch for each would take longer
than the trial.
"""

import io
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import chain
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from xstilts_core import results
from xstilts_core.data.source import Source, source_of
from xstilts_core.errors import UsageError
from xstilts_core.files.disk import write_text
from xstilts_core.jobs import lifeline
from xstilts_core.jobs.estimate.work import BACKWARD, Work, scored_languages, test_split, work
from xstilts_core.jobs.kernel import environment
from xstilts_core.jobs.notebook import notebook_path
from xstilts_core.study import identity
from xstilts_core.study.spec import (
    EncoderSpec,
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
_CHANGES = Path(__file__).with_name("trial.yaml")


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a run: fixed, and for each unit of its work."""

    fixed: float = 0.0
    unit: float = 0.0

    def seconds(self, planned: Work) -> float:
        return self.fixed + self.unit * planned.units


def measure(specs: Sequence[Spec], threads: int) -> list[Speed | str]:
    """Return the speed of each of these runs, or in one sentence why it could not be measured.

    Speeds are kept among the temporary files, so that the same runs are not tried again.
    """
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    question = json.dumps([threads, devices, [identity.of_spec(spec).token for spec in specs]])
    name = f"xstilts-{os.getuid()}-trial-{sha256(question.encode()).hexdigest()[:16]}.json"
    cache = Path(tempfile.gettempdir()) / name
    if cache.is_file():
        return [Speed(**speed) for speed in json.loads(cache.read_text(encoding="utf-8"))]
    answers = _tried(specs, threads) if specs else []
    speeds = [asdict(answer) for answer in answers if isinstance(answer, Speed)]
    if specs and len(speeds) == len(specs):
        write_text(cache, json.dumps(speeds))
    return answers


def _tried(specs: Sequence[Spec], threads: int) -> list[Speed | str]:
    """Return the result of `_try` for each run.

    The runs are cut and write to a temporary folder, in one process that has no network and as many
    threads as a run, and that ends with this one.
    """
    setting = (os.getpid(), environment(threads, offline=True))
    few, deadline = _FEWEST, time.monotonic() + SECONDS
    answers: list[Speed | str] = []
    with (
        tempfile.TemporaryDirectory(prefix="xstilts-trial-") as folder,
        ProcessPoolExecutor(1, get_context("spawn"), _prepare, setting) as pool,
    ):
        # The first one twice, because late imports must not count.
        for spec in (specs[0], *specs):
            try:
                trial = pool.submit(_try, spec, folder, few)
                answer = trial.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                answers += [f"the trial took more than {SECONDS} seconds"] * (len(specs) + 1)
                for process in active_children():
                    process.kill()
                break
            except BrokenExecutor as error:
                answer = f"the trial failed: {error}"
            if not answers and isinstance(answer, Speed) and answer.unit < _FAST:
                few = _FEW
            answers.append(answer)
    return answers[1 : len(specs) + 1]


def _prepare(parent: int, variables: Mapping[str, str]) -> None:
    """Prepare the process of the trials."""
    os.environ.update(variables)
    lifeline.watch(parent, lambda: os._exit(1))


def _cut(spec: Spec, outputs: str, few: int) -> Spec:
    """Return the run of a trial: few steps and languages, and no phase before it (trial.yaml)."""
    changes = yaml.safe_load(_CHANGES.read_text(encoding="utf-8"))[spec.phase]
    changes = {name: few if value == "few" else value for name, value in changes.items()}
    if isinstance(spec, EncoderSpec) and spec.encoder == "pretrained":
        trained = Path(outputs) / "trial" / "pretrain" / f"seed{spec.seed}" / "model"
        changes["encoder"] = str(trained if trained.is_dir() else spec.phase1)
    if isinstance(spec, ProbingSpec):
        changes["probes"] = spec.probes[: changes["probes"]]
    if isinstance(spec, TargetSpec | RetrievalSpec | ProbingSpec):
        source, most = source_of(spec), changes["languages"]
        codes = (
            scored_languages(source, name, test_split(source, name), spec.languages)[:most]
            for name in spec.scores or spec.uses
        )
        changes["languages"] = list(dict.fromkeys(chain.from_iterable(codes)))
    places = {"outputs": outputs, "study": "trial"}
    values = {**spec.model_dump(mode="json"), **places, **changes}
    return make(type(spec), values, "the trial")


def _execute(spec: Spec, few: int) -> Speed:
    """Run a notebook's cells and return the speed of the run. Of a training, all the rest of the
    notebook is fixed; without one, nothing is.

    Seconds are CPU time if the run computes with one thread, so that other load does not count.
    """
    page = json.loads(notebook_path(spec.notebook).read_text(encoding="utf-8"))
    load, most = Source.load, few if isinstance(spec, TuneSpec) else None
    variables: dict[str, Any] = {"__name__": "__main__"}
    wall, cpu = time.perf_counter(), time.process_time()
    cut = mock.patch.object(Source, "load", lambda *names: load(*names)[:most])
    with cut, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for cell in (cell for cell in page["cells"] if cell["cell_type"] == "code"):
            exec("".join(cell["source"]), variables)
            if "parameters" in cell["metadata"].get("tags", ()):
                variables.update(spec.changed())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = results.read(spec.folder / results.RESULT)
    share = cpu / wall if result.provenance["device"] == "cpu, 1 threads" else 1.0
    if not isinstance(spec, TuneSpec | PretrainSpec):
        return Speed(0.0, share * wall / max(1, work(spec).units))
    training, steps = result.details["seconds"], sum(result.details["counts"].values())
    batch = spec.batch_tokens if isinstance(spec, PretrainSpec) else spec.batch_size
    return Speed(share * (wall - training), share * training / (BACKWARD * steps * batch))


def _try(spec: Spec, folder: str, few: int) -> Speed | str:
    """Return the speed of a run, or why it could not be measured: any error of its notebook."""
    try:
        return _execute(_cut(spec, folder, few), few)
    except Exception as error:  # the other runs are still measured
        kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
        return kind + " ".join(str(error).split())
