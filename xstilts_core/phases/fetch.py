"""The notebook 01_data: fetch and lock everything that a study takes from the hub before its runs,
and report what became of it there."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from xstilts_core.data import hub_client, sampling
from xstilts_core.data.hub_client import Repository
from xstilts_core.data.readers import hub as hub_reader
from xstilts_core.data.releases import SPLITS, Hub
from xstilts_core.study.spec import DataSpec
from xstilts_core.study.study_file import ENCODERS, is_folder
from xstilts_core.tasks import TEXTS, TRANSLATIONS, HubData

ENCODER = "encoder"
_TRANSLATOR = "translator"
# new: locked just now. locked: as before. moved: as before, but the hub's branch is at another
# commit now. gone: no longer on the hub.
State = Literal["new", "locked", "moved", "gone"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A split of a data set, or a model (without configuration, split and rows), and the commit in
    use. head: the hub's current commit."""

    task: str
    repository: str
    configuration: str
    split: str
    rows: int | None
    state: State
    commit: str
    head: str = ""


def hub_splits(spec: DataSpec) -> Iterator[tuple[str, HubData, str, str]]:
    """Yield (task, hub data, configuration, split) of everything to fetch, each once."""
    hub, visited = Hub(benchmark=spec.benchmark), set()
    for name in (part for task in spec.tasks for part in sampling.parts(task)):
        # A translated training set has a file for every language, as large as the English one.
        unread = spec.data_languages and name in TRANSLATIONS.values()
        for split in SPLITS:
            for code in hub.languages(name, split):
                if unread and code not in spec.data_languages:
                    continue
                if split == "train" or code == "en" or not spec.languages or code in spec.languages:
                    source = hub_reader.hub_data(name, code)
                    config = source.configuration(split, code)
                    for part in source.splits[split]:
                        key = (Repository.of(source).key, config, part)
                        if key not in visited:
                            visited.add(key)
                            yield name, source, config, part
    for code in spec.texts:
        yield "mlm", TEXTS, TEXTS.configuration("train", code), "train"


def _standing(repository: Repository) -> tuple[State, str]:
    """Return what became of a repository since it was locked, and the current commit of its branch
    on the hub."""
    locked_commit = hub_client.locked_commit(repository)
    if not locked_commit or hub_client.offline():
        return ("locked" if locked_commit else "new"), ""
    try:
        head = hub_client.head(repository, f"{repository.kind} {repository.name}")
    except hub_client.NotOnHub:
        return "gone", ""
    return ("locked" if head == locked_commit else "moved"), head


def fetch(spec: DataSpec) -> list[Fetched]:
    """Fetch, check and lock every split and the models.
    Return a row for each, in the order of the tasks. Raise UsageError if one is not available."""
    fetched: list[Fetched] = []
    # Each repository is looked at before any of it is fetched: afterwards everything is locked.
    look_at = cache(_standing)

    def add(task: str, repository: Repository, config: str, split: str, rows: int | None) -> None:
        state, head = look_at(repository)
        commit = hub_client.locked_commit(repository)
        fetched.append(Fetched(task, repository.key, config, split, rows, state, commit, head))

    for name, source, config, split in hub_splits(spec):
        look_at(Repository.of(source))
        rows = hub_reader.fetch(name, source, config, split).num_rows
        add(name, Repository.of(source), config, split, rows)
    models = [(ENCODER, spec.encoder), *((_TRANSLATOR, name) for name in spec.translators)]
    for kind, name in models:
        if name not in ENCODERS and not is_folder(name):
            look_at(repository := Repository("model", name))
            path = hub_client.encoder(name, kind)
            if kind == ENCODER:  # here, not in each of the runs that wait for this one
                from xstilts_core.encoders import loading

                loading.check(path, f"{kind} {name!r}")
            add(kind, repository, "", "", None)
    return fetched


def notices(rows: Sequence[Fetched]) -> list[str]:
    """Return a sentence for every repository that is no longer on the hub as it was locked."""
    sentences = {}
    for row in rows:
        pinned = (
            f"this study stays with commit {row.commit}, as recorded in {hub_client.lock_path()}"
        )
        if row.state == "moved":
            sentences[row.repository] = (
                f"{row.repository} has moved on the hub to commit {row.head}; {pinned}. "
                f"To use the new one, delete the entry {row.repository} there and every result "
                "that depends on it, and run again"
            )
        elif row.state == "gone":
            sentences[row.repository] = (
                f"{row.repository} is no longer on the hub; {pinned}, from the local cache: "
                "keep a copy of it"
            )
    return list(sentences.values())


def details(rows: Sequence[Fetched]) -> dict[str, Any]:
    """Return what result.json stores: every row, and the notices."""
    return {"fetched": [asdict(row) for row in rows], "notices": notices(rows)}
