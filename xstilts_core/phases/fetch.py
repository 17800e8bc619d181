"""Everything that a study takes from the hub, fetched and locked before its runs, and what became
of it there: the notebook 01_data."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from xstilts_core.data import hub_client, hub_lock, readers, splits
from xstilts_core.data.hub_lock import Repository
from xstilts_core.files.paths import home
from xstilts_core.study.spec import ENCODERS, DataSpec
from xstilts_core.tasks import TEXTS, TRANSLATIONS, HubData

ENCODER = "encoder"
_TRANSLATOR = "translator"
# new: locked just now. locked: as before. moved: as before, but the hub's branch stands at another
# commit now. gone: no longer there.
State = Literal["new", "locked", "moved", "gone"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A split of a data set, or a model (no configuration, split and rows), and the commit in
    force. head: where the hub is now."""

    task: str
    repository: str
    configuration: str
    split: str
    rows: int | None
    state: State
    commit: str
    head: str = ""


def wanted(spec: DataSpec) -> Iterator[tuple[str, HubData, str, str]]:
    """(task, where it is, configuration, split) of everything to fetch, each once."""
    seen = set()
    for name in (part for task in spec.tasks for part in splits.parts(task)):
        # Of a translated training set there is a file for every language, as large as the English
        # one.
        unread = spec.data_languages and name in TRANSLATIONS.values()
        for split in splits.SPLITS:
            for code in splits.languages(name, split, "hub", "", spec.benchmark):
                if unread and code not in spec.data_languages:
                    continue
                if split == "train" or code == "en" or not spec.languages or code in spec.languages:
                    source = readers.hub_data(name, code)
                    config = source.configuration(split, code)
                    for part in source.splits[split]:
                        place = (Repository.of(source).key, config, part)
                        if place not in seen:
                            seen.add(place)
                            yield name, source, config, part
    for code in spec.texts:
        yield "mlm", TEXTS, TEXTS.configuration("train", code), "train"


def on_hub(encoder: str) -> bool:
    """Whether an encoder is one of the hub: no word for one of the suite's own, and no folder."""
    return (
        encoder not in ENCODERS
        and not encoder.startswith((".", "/", "~"))
        and not (home() / encoder).is_dir()
    )


def standing(repository: Repository, before: str) -> tuple[State, str]:
    """What became of a repository that was locked at commit `before` ("": it was not), and the
    commit that its branch has on the hub."""
    if not before or hub_client.offline():
        return ("locked" if before else "new"), ""
    try:
        head = hub_client.head(repository, f"{repository.kind} {repository.name}")
    except hub_client.NotOnHub:
        return "gone", ""
    return ("locked" if head == before else "moved"), head


def fetch(spec: DataSpec) -> list[Fetched]:
    """Fetch, check and lock every split and the models. A row for each, in the order of the tasks.
    UsageError where one cannot be had."""
    found: list[Fetched] = []
    known: dict[Repository, tuple[State, str]] = {}

    def look(repository: Repository) -> None:
        """Before it is fetched: afterwards everything is locked."""
        if repository not in known:
            known[repository] = standing(repository, hub_lock.commit(repository))

    for name, source, config, split in wanted(spec):
        repository = Repository.of(source)
        look(repository)
        rows = readers.fetch(name, source, config, split).num_rows
        state, head = known[repository]
        found.append(
            Fetched(
                name, repository.key, config, split, rows, state, hub_lock.commit(repository), head
            )
        )
    for kind, name in (
        (ENCODER, spec.encoder),
        *((_TRANSLATOR, name) for name in spec.translators),
    ):
        if on_hub(name):
            repository = Repository("model", name)
            look(repository)
            place = hub_client.encoder(name, kind)
            if kind == ENCODER:  # here, and not in each of the runs that wait for this one
                from xstilts_core.encoders import loading

                loading.check(place, f"{kind} {name!r}")
            state, head = known[repository]
            found.append(
                Fetched(
                    kind, repository.key, "", "", None, state, hub_lock.commit(repository), head
                )
            )
    return found


def notices(found: Sequence[Fetched]) -> list[str]:
    """A sentence for every repository that is no longer on the hub as it was locked."""
    said = {}
    for row in found:
        stays = f"this study stays with commit {row.commit}, as {hub_lock.path()} says"
        if row.state == "moved":
            said[row.repository] = (
                f"{row.repository} has moved on the hub to commit {row.head}; {stays}. To take the new one, delete the entry "
                f"{row.repository} there and every result that stands on it, and run again"
            )
        elif row.state == "gone":
            said[row.repository] = (
                f"{row.repository} is no longer on the hub; {stays}, from the local cache: keep a copy of that"
            )
    return list(said.values())


def details(found: Sequence[Fetched]) -> dict[str, Any]:
    """What result.json keeps: every row, and the notices."""
    return {"fetched": [asdict(row) for row in found], "notices": notices(found)}
