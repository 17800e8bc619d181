# A study as a graph of files: each rule runs one notebook into one folder, whose result.json says that it is done.
#   xstilts run quick                                                       (the usual way: progress, reports, summary)
#   snakemake --profile params/profiles/local --cores 4 --config study=quick      (the same grid by hand)
# This file is parsed again inside every cluster job: it imports only the study, and what tells whether a run is done.
import base64
import hashlib
import json
import os
import shlex
import sys
from pathlib import Path

from xstilts_core.files.paths import HOME, home

# `xstilts run` hands over its settings in letters that no shell and no parser reads otherwise.
SETTINGS = json.loads(base64.urlsafe_b64decode(config["grid"])) if "grid" in config else config
os.environ[HOME] = SETTINGS.get("home") or str(home())
# After that, since the project declares tasks too (params/own/).
from xstilts_core import results
from xstilts_core.study import Study

GIVEN = {key: SETTINGS[key] for key in ("source", "encoder") if key in SETTINGS}
STUDY = Study.load(SETTINGS.get("study", "quick"), SETTINGS.get("outputs", "outputs"), SETTINGS.get("data_root", ""), GIVEN)
# Below `xstilts run` Snakemake works in the study's folder: then the paths of this graph are plain, whatever letters stand above it.
HERE = "" if "grid" in config else f"{os.path.relpath(STUDY.root)}/"
PLACES = [f"--outputs={STUDY.outputs}", *([f"--data-root={STUDY.data_root}"] if STUDY.data_root else [])]
# exec: the runner takes the shell's place, so that it is Snakemake itself whose end it sees and follows.
RUN = "exec " + shlex.join([sys.executable, "-m", "xstilts_core.jobs.runner", "--with-parent", *PLACES, STUDY.file])
THREADS = int(SETTINGS.get("threads", 1))
RESULTS = [f"{HERE}{spec.folder.relative_to(STUDY.root)}/result.json" for spec in STUDY.specs]
REPORTS = [f"{HERE}report/{name}/result.json" for name in STUDY.reports]


def identity(folder):
    """What the numbers of a run depend on, from its wildcards alone. By hand, a change of it runs the job again; `xstilts run` uses aside.py."""
    return lambda wildcards: results.token(STUDY.spec(Path(folder.format(**wildcards))))


def parents(folder):
    """result.json of the runs that a run starts from. Data that are fetched again, for one more task, make no run anew."""
    spec = lambda wildcards: STUDY.spec(Path(folder.format(**wildcards)))
    file = lambda parent: f"{HERE}{parent.relative_to(STUDY.root)}/result.json"
    kept = lambda parent: ancient(file(parent)) if parent.name == "data" else file(parent)
    return lambda wildcards: [kept(parent) for parent in STUDY.parents(spec(wildcards))]


def gpus(folder):
    """GPUs of a run: a cluster's queue is asked for as many; a machine's own are shared out by the runner."""
    return lambda wildcards: int(STUDY.spec(Path(folder.format(**wildcards))).device != "cpu")


def digest(notebook):
    """What stands in a notebook: another content makes the data and the reports again. No input, for it lies in the project's folder."""
    return hashlib.sha256((home() / "notebooks" / f"{notebook}.ipynb").read_bytes()).hexdigest()


def finished(wildcards):
    """The results that a report reads: all of the study, or with --config partial=1 those that there are."""
    return [path for path in RESULTS if not SETTINGS.get("partial") or Path(path).is_file()]


wildcard_constraints:
    seed=r"\d+", recipe=r"[\w-]+(/size-\d+)?", train_on=r"[\w-]+", task=r"[\w-]+", name=r"[\w-]+",


localrules: all, grid, data, reports, report, html  # on a cluster, beside its driver: seconds of reading; and what needs the network


rule all:
    input: f"{HERE}report/index.html"


rule grid:
    input: RESULTS


rule reports:
    input: REPORTS


rule data:
    output: f"{HERE}data/result.json"
    log: f"{HERE}data/run.ipynb"
    priority: 20  # all others wait for it
    params: identity=identity("data"), notebook=lambda wildcards: digest("01_data")
    shell: "{RUN} data"


rule pretrain:
    input: parents("pretrain/seed{seed}")
    output: f"{HERE}pretrain/seed{{seed}}/result.json"
    log: f"{HERE}pretrain/seed{{seed}}/run.ipynb"
    priority: 10  # others wait for it
    params: identity=identity("pretrain/seed{seed}")
    resources: gpu=gpus("pretrain/seed{seed}")
    threads: THREADS
    shell: "{RUN} pretrain/seed{wildcards.seed} --threads {threads}"


rule intermediate:
    input: parents("intermediate/{recipe}/seed{seed}")
    output: f"{HERE}intermediate/{{recipe}}/seed{{seed}}/result.json"
    log: f"{HERE}intermediate/{{recipe}}/seed{{seed}}/run.ipynb"
    priority: 10  # others wait for it
    params: identity=identity("intermediate/{recipe}/seed{seed}")
    resources: gpu=gpus("intermediate/{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} intermediate/{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule target:
    input: parents("target/{train_on}/from-{recipe}/seed{seed}")
    output: f"{HERE}target/{{train_on}}/from-{{recipe}}/seed{{seed}}/result.json"
    log: f"{HERE}target/{{train_on}}/from-{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("target/{train_on}/from-{recipe}/seed{seed}")
    resources: gpu=gpus("target/{train_on}/from-{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} target/{wildcards.train_on}/from-{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule retrieval:
    input: parents("retrieval/{task}/from-{recipe}/seed{seed}")
    output: f"{HERE}retrieval/{{task}}/from-{{recipe}}/seed{{seed}}/result.json"
    log: f"{HERE}retrieval/{{task}}/from-{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("retrieval/{task}/from-{recipe}/seed{seed}")
    resources: gpu=gpus("retrieval/{task}/from-{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} retrieval/{wildcards.task}/from-{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule probing:
    input: parents("probing/from-{recipe}/seed{seed}")
    output: f"{HERE}probing/from-{{recipe}}/seed{{seed}}/result.json"
    log: f"{HERE}probing/from-{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("probing/from-{recipe}/seed{seed}")
    resources: gpu=gpus("probing/from-{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} probing/from-{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule control:
    input: parents("control/{recipe}/seed{seed}")
    output: f"{HERE}control/{{recipe}}/seed{{seed}}/result.json"
    log: f"{HERE}control/{{recipe}}/seed{{seed}}/run.ipynb"
    params: identity=identity("control/{recipe}/seed{seed}")
    resources: gpu=gpus("control/{recipe}/seed{seed}")
    threads: THREADS
    shell: "{RUN} control/{wildcards.recipe}/seed{wildcards.seed} --threads {threads}"


rule report:
    input: finished
    output: f"{HERE}report/{{name}}/result.json"
    log: f"{HERE}report/{{name}}/run.ipynb"
    params: notebook=lambda wildcards: digest(wildcards.name)
    shell: "{RUN} report/{wildcards.name}"


rule html:
    input: REPORTS
    output: f"{HERE}report/index.html"
    run:
        from xstilts_core.report import webpage

        webpage.build(STUDY)
