"""Tasks, languages and groups of XTREME and XTREME-R (google-research/xtreme, commit 838c13b6,
evaluate.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from types import MappingProxyType

from xstilts_core.tasks import TASKS, Benchmark

# The order of summation in evaluate.py, for tasks whose languages Task lists in another order. The
# last digit of a sum of floats depends on the order. XTREME-R's additional languages follow these,
# in the order of Task.added.
_SUMMATION_ORDER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: tuple(codes.split())
        for name, codes in {
            "pawsx": "de en es fr ja ko zh",
            "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
            "panx": "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es "
            "bg ru ja ka ko th sw yo my zh kk tr et fi hu",
            "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru "
            "ta te th tl tr ur vi yo zh",
            "xquad": "en es de el ru tr ar vi th zh hi",
            "mlqa": "en es de ar hi vi zh",
            "lareqa": "ar de el en es hi ru th tr vi zh",
            "mewslix": "ar de en es fa ja pl ro ta tr uk",
        }.items()
    }
)
_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"span": "json", "ranking": "json", "choice": "jsonl"}
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one benchmark.

    languages: the languages of each task, in the order in which their scores are summed. The
    overall score sums the tasks in their order here; evaluate.py sums over a set, so its last digit
    may differ between two of its own runs. groups: the evaluator's group scores. notes: where a
    published rule is followed instead of the evaluator.
    """

    name: Benchmark
    title: str
    languages: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.languages)

    def file(self, task: str, code: str) -> str:
        """Return the name of a language's file in a task's folder, such as test-de.tsv."""
        return f"test-{code}.{_SUFFIXES.get(TASKS[task].format, 'tsv')}"


def spoken(benchmark: Benchmark, names: str) -> Mapping[str, tuple[str, ...]]:
    """Map each task to its languages in a benchmark, in evaluate.py's order."""
    languages = {}
    for name in names.split():
        order = _SUMMATION_ORDER.get(name, TASKS[name].languages)
        languages[name] = (*order, *TASKS[name].added) if benchmark == "xtreme-r" else order
    return MappingProxyType(languages)


def mean(values: Sequence[float]) -> float:
    """Return the mean, summed from left to right.

    The reference scores were made with the sum() of Python before 3.12, which does the same. Later
    versions correct the rounding and give other last digits.
    """
    return reduce(add, values) / len(values)


XTREME = Rules(
    "xtreme",
    "XTREME",
    spoken("xtreme", "pawsx xnli panx udpos bucc2018 tatoeba xquad mlqa tydiqa"),
    MappingProxyType(
        {
            "classification": ("pawsx", "xnli"),
            "tagging": ("udpos", "panx"),
            "qa": ("xquad", "mlqa", "tydiqa"),
            "retrieval": ("bucc2018", "tatoeba"),
        }
    ),
)
XTREME_R = Rules(
    "xtreme-r",
    "XTREME-R",
    spoken("xtreme-r", "xnli panx udpos tatoeba xcopa lareqa mewslix xquad mlqa tydiqa"),
    MappingProxyType(
        {
            "classification": ("xnli", "xcopa"),
            "tagging": ("udpos", "panx"),
            "qa": ("xquad", "mlqa", "tydiqa"),
            "retrieval": ("tatoeba", "mewslix"),
            "multi_choice": ("xcopa",),
        }
    ),
    (
        "lareqa: evaluate.py has no reader for it; it is scored here by mean average precision of "
        "the first 20 (LAReQA, Roy et al. 2020; cut at 20 as in XTREME-R, Ruder et al. 2021), from "
        "test-<language>.json: question id to ids of sentences, best first",
        "overall: the mean of the ten tasks (Ruder et al. 2021); evaluate.py stops at lareqa. "
        "Groups are those of evaluate.py: xcopa is in two of them, lareqa in none",
    ),
)
RULES: Mapping[str, Rules] = MappingProxyType({rules.name: rules for rules in (XTREME, XTREME_R)})
