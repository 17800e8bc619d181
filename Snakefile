# A study as a graph of files: each rule runs one notebook into one folder, whose result.json says that it is done.
#   xstilts run quick                                                       (the usual way: progress, reports, summary)
#   snakemake --profile params/profiles/local --cores 4 --config study=quick      (the same grid by hand)
# This file is parsed again inside every cluster job: it imports only the study, and what tells whether a run is done.
import os
import shlex
import sys
from pathlib import Path

from xstilts_core import results
from xstilts_core.spec import home
from xstilts_core.study import Study

STUDY = Study.load(config.get("study", "quick"), config.get("outputs", "outputs"), config.get("data_root", ""))
ROOT = os.path.relpath(STUDY.root, home()) if STUDY.root.is_relative_to(home()) else str(STUDY.root)
PLACES = ["--outputs", STUDY.outputs, *(["--data-root", STUDY.data_root] if STUDY.data_root else [])]
# exec: the runner takes the shell's place, so that it is Snakemake itself whose end it sees and follows.
RUN = "exec " + shlex.join([sys.executable, "-m", "xstilts_core.runner", "--with-parent", STUDY.file, *PLACES])
PAGE = shlex.join([sys.executable, "-m", "xstilts_core.webpage", STUDY.file, *PLACES])
THREADS = int(config.get("threads", 1))
RESULTS = [f"{ROOT}/{spec.folder.relative_to(STUDY.root)}/result.json" for spec in STUDY.specs]
REPORTS = [f"{ROOT}/report/{name}/result.json" for name in STUDY.reports]


def identity(folder):
    """What the numbers of a run depend on, from its wildcards alone: a change of it, and only that, runs it again."""
    return lambda wildcards: results.token(STUDY.spec(Path(folder.format(**wildcards))))


def parents(folder):
    """result.json of the runs that a run starts from. Data that are fetched again, for one more task, make no run anew."""
    spec = lambda wildcards: STUDY.spec(Path(folder.format(**wildcards)))
    file = lambda parent: f"{ROOT}/{parent.relative_to(STUDY.root)}/result.json"
    kept = lambda parent: ancient(file(parent)) if parent.name == "data" else file(parent)
    return lambda wildcards: [kept(parent) for parent in STUDY.parents(spec(wildcards))]


def gpus(folder):
    """GPUs of a run: a cluster's queue is asked for as many; a machine's own are shared out by the runner."""
    return lambda wildcards: int(STUDY.spec(Path(folder.format(**wildcards))).device != "cpu")


def finished(wildcards):
    """The results that a report reads: all of the study, or with --config partial=1 those that there are."""
    return [path for path in RESULTS if not config.get("partial") or Path(path).is_file()]


wildcard_constraints:
    seed=r"\d+", recipe=r"[\w-]+(/size-\d+)?", train_on=r"[\w-]+", task=r"[\w-]+", name=r"[\w-]+",


localrules: all, grid, data, reports, report, html  # on a cluster, beside its driver: seconds of reading; and what needs the network


rule all:
    input: f"{ROOT}/report/index.html"


rule grid:
    input: RESULTS


rule reports:
    input: REPORTS


rule data:
    input: notebook="notebooks/01_data.ipynb"
    output: f"{ROOT}/data/result.json"
    log: f"{ROOT}/data/run.ipynb"
    priority: 20  # all others wait for it
    params: identity=identity("data")
    shell: "{RUN} data"


rule pretrain:
    input: parents("pretrain/seed{seed}"), notebook=ancient("notebooks/10_pretrain.ipynb")
    output: f"{ROOT}/pretrain/seed{{seed}}/result.json"
    log: f"{ROOT}/pretrain/seed{{seed}}/run.ipynb"
    priority: 10  # others wait for it
    params: identity=identity("pretrain/seed{seed}")
    resources: gpu=gpus("pretrain/seed{seed}")
    threads: THREADS
    shell: "{RUN} pretrain/seed{wildcards.seed} --threads {threads}"


rule intermediate:
    input: parents("intermediate/{recipe}/seed{seed}"), notebook=ancient("notebooks/20_intermediate.ipynb")
    output: f"{ROOT}/intermediate/{{recipe}}/seed{{seed}}/result.json"
    log: f"{ROOT}/intermediate/{{recipe}}/seed{{seed}}/run.ipynb"
    priority: 10  # others wait for it
    params: identity=identity("intermediate/{recipe}/seed{seed}")
    resources: gpu=gpus("intermediate/{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} intermediate/{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule target:
    input: parents("target/{train_on}/from-{recipe}/seed{seed}"), notebook=ancient("notebooks/21_target.ipynb")
    output: f"{ROOT}/target/{{train_on}}/from-{{recipe}}/seed{{seed}}/result.json"
    log: f"{ROOT}/target/{{train_on}}/from-{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("target/{train_on}/from-{recipe}/seed{seed}")
    resources: gpu=gpus("target/{train_on}/from-{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} target/{wildcards.train_on}/from-{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule retrieval:
    input: parents("retrieval/{task}/from-{recipe}/seed{seed}"), notebook=ancient("notebooks/22_retrieval.ipynb")
    output: f"{ROOT}/retrieval/{{task}}/from-{{recipe}}/seed{{seed}}/result.json"
    log: f"{ROOT}/retrieval/{{task}}/from-{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("retrieval/{task}/from-{recipe}/seed{seed}")
    resources: gpu=gpus("retrieval/{task}/from-{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} retrieval/{wildcards.task}/from-{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule probing:
    input: parents("probing/from-{recipe}/seed{seed}"), notebook=ancient("notebooks/24_probing.ipynb")
    output: f"{ROOT}/probing/from-{{recipe}}/seed{{seed}}/result.json"
    log: f"{ROOT}/probing/from-{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("probing/from-{recipe}/seed{seed}")
    resources: gpu=gpus("probing/from-{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} probing/from-{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule control:
    input: parents("control/{recipe}/seed{seed}"), notebook=ancient("notebooks/23_control.ipynb")
    output: f"{ROOT}/control/{{recipe}}/seed{{seed}}/result.json"
    log: f"{ROOT}/control/{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("control/{recipe}/seed{seed}")
    resources: gpu=gpus("control/{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} control/{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule report:
    input: finished, notebook="notebooks/{name}.ipynb"
    output: f"{ROOT}/report/{{name}}/result.json"
    log: f"{ROOT}/report/{{name}}/run.ipynb"
    shell: "{RUN} report/{wildcards.name}"


rule html:
    input: REPORTS
    output: f"{ROOT}/report/index.html"
    shell: "{PAGE}"
