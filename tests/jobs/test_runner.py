"""The runner: parameters, every way a notebook can fail, threads, parallel kernels, one writer per
folder."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.jobs import notebook, runner
from xstilts_core.jobs.notebook import NotebookFailure, run_notebook
from xstilts_core.study import Study

WRITE = "from pathlib import Path\nPath(folder, 'result.json').write_text('{}')"
STUDY = "title: t\nseeds: [1]\nrecipes: {none: }\ntargets: [tatoeba]\n"


def write_notebook(
    path: Path,
    *cells: str,
    parameters: str = 'folder: str = ""  # where to write\ntimes: int = 1  # a number',
) -> Path:
    """A notebook of code cells, the first of them tagged parameters."""
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    page = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("A test."),
            first,
            *map(nbformat.v4.new_code_cell, cells),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(page, path)
    return path


def outputs(path: Path) -> str:
    """All text that the code cells of an executed notebook left."""
    cells = nbformat.read(path, as_version=4).cells
    found = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join(
        output.get("text")
        or output.get("data", {}).get("text/plain", "")
        or output.get("evalue", "")
        for output in found
    )


def test_parameters_arrive_typed_and_the_cwd_is_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = write_notebook(tmp_path / "one.ipynb", "import os\n(times * 2, folder, os.getcwd())")
    run_notebook(page, {"times": 21, "folder": "x y"}, tmp_path / "out" / "run.ipynb")
    text = outputs(tmp_path / "out" / "run.ipynb")
    assert "42" in text and "'x y'" in text and str(tmp_path) in text


def test_threads_are_set_before_the_kernel_starts(tmp_path: Path) -> None:
    names = [
        "OMP_NUM_THREADS",
        "OMP_WAIT_POLICY",
        "GOMP_SPINCOUNT",
        "TOKENIZERS_PARALLELISM",
        "CUDA_VISIBLE_DEVICES",
    ]
    page = write_notebook(
        tmp_path / "env.ipynb",
        f"import os, sys\n[os.environ.get(name) for name in {names}] + [sys.executable]",
    )
    run_notebook(page, {}, tmp_path / "run.ipynb", threads=3, gpu="7")
    text = outputs(tmp_path / "run.ipynb")
    for value in ("'3'", "'passive'", "'0'", "'false'", "'7'", sys.executable):
        assert value in text


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("raise ValueError('the label\\nis 9')", r"^bad, cell 3: ValueError: the label is 9$"),
        ("import os\nos._exit(1)", r"^bad, cell 3: the kernel died"),
        ("raise SystemExit(0)", r"^bad, cell 3: SystemExit: 0$"),
        ("import sys\nsys.exit()", r"^bad, cell 3: SystemExit$"),
        (
            "1 + 1",
            r"^bad, after its last cell: MissingResult: every cell ran, but result.json was not written$",
        ),
    ],
)
def test_every_kind_of_failure_is_a_failure(tmp_path: Path, cell: str, reason: str) -> None:
    page = write_notebook(tmp_path / "bad.ipynb", cell)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / results.RESULT).write_text("{}")  # stale: from an earlier run
    with pytest.raises(NotebookFailure, match=reason) as error:
        runner.run_in_folder(page, {"folder": str(folder)}, folder)
    assert (folder / results.FAILURE).read_text() == f"{error.value}\n"
    assert (folder / results.NOTEBOOK).is_file() and not (folder / results.RESULT).exists()


def test_success_removes_the_failure_note(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / results.FAILURE).write_text("earlier\n")
    page = write_notebook(tmp_path / "good.ipynb", WRITE)
    assert runner.run_in_folder(page, {"folder": str(folder)}, folder) == folder / results.RESULT
    assert not (folder / results.FAILURE).exists()
    assert sorted(path.name for path in folder.iterdir()) == [results.RESULT, results.NOTEBOOK]


def test_a_result_written_before_the_failure_does_not_count(tmp_path: Path) -> None:
    page = write_notebook(tmp_path / "early.ipynb", WRITE, "1 / 0")
    with pytest.raises(NotebookFailure, match="cell 4: ZeroDivisionError"):
        runner.run_in_folder(page, {"folder": str(tmp_path)}, tmp_path)
    assert not (tmp_path / results.RESULT).exists()


def test_only_starts_are_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def no_start(page: Path, parameters: object, output: Path, variables: object) -> None:
        attempts.append(page)
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(notebook, "execute", no_start)
    monkeypatch.setattr(notebook.time, "sleep", lambda seconds: None)
    with pytest.raises(
        NotebookFailure, match="before its first cell: RuntimeError: Kernel died before replying"
    ):
        run_notebook(write_notebook(tmp_path / "a.ipynb", "1"), {}, tmp_path / "run.ipynb")
    assert len(attempts) == notebook.START_ATTEMPTS


def test_a_cell_that_raises_runs_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    page = write_notebook(
        tmp_path / "once.ipynb", f"open({str(count)!r}, 'a').write('x')\nraise RuntimeError('no')"
    )
    with pytest.raises(NotebookFailure, match="RuntimeError: no"):
        run_notebook(page, {}, tmp_path / "run.ipynb")
    assert count.read_text() == "x"


def test_no_debris_of_progress_bars(tmp_path: Path) -> None:
    rewrite = (
        r"print('epoch 1\repoch 2\nkept')"
        + "\nimport sys\n"
        + r"print('\r  7%|7   | 7/100 [00:01<00:13]', file=sys.stderr)"
    )
    page = write_notebook(
        tmp_path / "bars.ipynb",
        "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass",
        rewrite,
    )
    run_notebook(page, {}, tmp_path / "run.ipynb")
    assert outputs(tmp_path / "run.ipynb").split() == ["epoch", "2", "kept"]
    assert "%|" not in "".join(
        str(cell.get("outputs"))
        for cell in nbformat.read(tmp_path / "run.ipynb", as_version=4).cells
    )


def run_one(page: Path, folder: Path) -> str:
    try:
        runner.run_in_folder(page, {"folder": str(folder)}, folder, threads=1)
    except NotebookFailure as error:
        return str(error)
    return ""


def test_eight_kernels_at_once(tmp_path: Path) -> None:
    page = write_notebook(tmp_path / "good.ipynb", WRITE)
    folders = [tmp_path / f"run{number}" for number in range(8)]
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        assert pool.starmap(run_one, [(page, folder) for folder in folders]) == [""] * 8
    assert all((folder / results.RESULT).is_file() for folder in folders)


def project(folder: Path, cell: str = WRITE, targets: str = STUDY) -> Study:
    """A project of one study, whose retrieval notebook is `cell`."""
    (folder / "params").mkdir(parents=True)
    (folder / "params" / "tiny.yaml").write_text(targets)
    # the defaults of the spec, which are not injected
    fields = 'study: str = ""\nseed: int = 1\ntask: str = "tatoeba"'
    place = "from pathlib import Path\nfolder = Path('outputs', study, 'retrieval', task, 'from-none', f'seed{seed}')"
    write_notebook(folder / "notebooks" / "22_retrieval.ipynb", place, cell, parameters=fields)
    return Study.load(str(folder / "params" / "tiny.yaml"))


def command(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    call = [sys.executable, "-m", "xstilts_core.jobs.runner", *arguments]
    path = str(Path(runner.__file__).parents[2])
    return subprocess.Popen(
        call, cwd=folder, text=True, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )


def test_the_command_and_its_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    run = "retrieval/tatoeba/from-none/seed1"
    good, unknown = (
        command(tmp_path, "tiny", run),
        command(tmp_path, "tiny", "retrieval/tatoeba/from-none/seed9"),
    )
    assert good.wait() == 0
    assert (tmp_path / "outputs" / "tiny" / run / results.RESULT).is_file()
    assert unknown.wait() == 2
    assert "no run of this study belongs in" in unknown.communicate()[1]
    write_notebook(
        tmp_path / "notebooks" / "22_retrieval.ipynb", "1 / 0", parameters='study: str = ""'
    )
    bad = command(tmp_path, "tiny", run)
    assert bad.wait() == 1
    assert "ZeroDivisionError: division by zero" in bad.communicate()[1]
    assert not (tmp_path / "outputs" / "tiny" / run / results.RESULT).exists()


def waits_for(process: "subprocess.Popen[str]", lock: Path) -> bool:
    """Whether a process has this file open; where no /proc says so, after a while."""
    if not Path("/proc/self/fd").is_dir():
        time.sleep(10)
        return True
    return any(
        os.path.realpath(link) == os.path.realpath(lock)
        for link in Path(f"/proc/{process.pid}/fd").glob("*")
    )


def test_a_second_writer_waits_and_takes_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = project(tmp_path)
    folder = study.specs[0].folder
    with runner.only_writer(folder) as waited:
        assert (
            not waited and results.busy(folder) and results.state(study.specs[0]).state == "running"
        )
        second = command(tmp_path, "tiny", str(folder))
        until = time.monotonic() + 120
        while not waits_for(second, folder / results.LOCK) and time.monotonic() < until:
            time.sleep(0.1)
        # Longer than the second from which on a run says that it waited.
        time.sleep(2)
        assert second.poll() is None
        results.write(study.specs[0], [], "cpu", 1.0)
        text = (folder / results.RESULT).read_text()
    assert second.wait() == 0
    assert (folder / results.RESULT).read_text() == text
    assert not results.busy(folder)


def test_by_hand_wrong_parameters_stop_before_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    write_notebook(
        tmp_path / "notebooks" / "30_transfer.ipynb",
        "study",
        parameters='study: str = "tiny"  # its name',
    )
    with pytest.raises(UsageError, match="unknown key 'taks' in -p: did you mean 'task'"):
        runner.run_by_hand("22_retrieval", {"taks": "tatoeba"})
    with pytest.raises(UsageError, match="seed is 'one'"):
        runner.run_by_hand("22_retrieval", {"seed": "one"})
    with pytest.raises(
        UsageError,
        match=r"unknown parameter 'stduy' in 30_transfer.ipynb, -p: did you mean 'study'",
    ):
        runner.run_by_hand("30_transfer", {"stduy": "tiny"})
    with pytest.raises(
        UsageError,
        match="unknown notebook '22_retreival' in notebooks/: did you mean '22_retrieval'",
    ):
        runner.run_by_hand("22_retreival", {})
    assert not (tmp_path / "outputs").exists()
    assert (
        runner.run_by_hand("30_transfer", {})
        == tmp_path / "outputs" / "tiny" / "report" / "30_transfer" / results.NOTEBOOK
    )


def test_the_result_gets_its_name_after_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write = (
        "from xstilts_core import results\nfrom xstilts_core.study.spec import RetrievalSpec\n"
        "results.write(RetrievalSpec(study=study), [], 'cpu', 1.0)\n"
        "(folder / 'model').mkdir()\n(folder / 'model' / 'weights').write_text('whole')"
    )
    spec = project(tmp_path, write).specs[0]
    (spec.folder / "model").mkdir(parents=True)
    (spec.folder / "model" / "of_an_earlier_run").write_text("")
    order = []
    for name in ("sync_run", "write_text"):
        real = getattr(results, name)
        monkeypatch.setattr(
            results,
            name,
            lambda path, *rest, real=real: (order.append(Path(path).name), real(path, *rest)),
        )
    rename = os.replace
    monkeypatch.setattr(
        os, "replace", lambda old, new: (order.append(f"-> {Path(new).name}"), rename(old, new))
    )
    assert runner.run_spec(spec) == spec.folder / results.RESULT
    assert order == [
        results.NOTEBOOK,
        f"-> {results.NOTEBOOK}",
        spec.folder.name,
        f"-> {results.RESULT}",
    ]
    assert results.state(spec).state == "done"
    assert sorted(path.name for path in spec.folder.iterdir()) == [
        results.LOCK,
        "model",
        results.RESULT,
        results.NOTEBOOK,
    ]
    assert [path.name for path in (spec.folder / "model").iterdir()] == ["weights"]


def test_a_full_disk_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = tmp_path / "count"
    cell = f"open({str(count)!r}, 'a').write('x')\nimport errno\nraise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'model')"
    page = write_notebook(tmp_path / "full.ipynb", f"import os\n{cell}")
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(
        NotebookFailure,
        match=r"no space left on .* for .*/run: at least 3 MB are needed, .*OSError: \[Errno 28\]",
    ):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
        runner.run_in_folder(page, {}, folder, needed=2_500_000)
    assert count.read_text() == "x"
    assert (
        "Nothing finished is lost: make room, and the same command goes on"
        in (folder / results.FAILURE).read_text()
    )


def test_a_report_gets_the_parameters_it_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    write = "import json\nfrom pathlib import Path\nPath(folder, 'result.json').write_text(json.dumps([study, outputs]))"
    write_notebook(
        tmp_path / "notebooks" / "00_study.ipynb",
        write,
        parameters='study: str = ""\noutputs: str = ""\nfolder: str = ""',
    )
    study = Study.load("tiny", "elsewhere")
    done = runner.run_report(study, "00_study")
    assert done == tmp_path / "elsewhere" / "tiny" / "report" / "00_study" / results.RESULT
    assert json.loads(done.read_text()) == ["tiny", "elsewhere"]
