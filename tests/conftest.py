"""Tiny encoders with random weights, saved as Hugging Face folders: XLM-R's, BERT's and
ModernBERT's architectures."""

import atexit
import fcntl
import os
import shutil
import signal
import tempfile
import time
from itertools import islice

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "XSTILTS_CACHE" not in os.environ:  # generated data of this session, its processes' too
    os.environ["XSTILTS_CACHE"] = tempfile.mkdtemp(prefix="xstilts-tests-")
    atexit.register(shutil.rmtree, os.environ["XSTILTS_CACHE"], ignore_errors=True)

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hub_stand_in import Hub, serving
from hypothesis import HealthCheck, settings

TEXTS = [
    "Anna never eats an apple in the garden.",
    "A doctor reads three old books today.",
    "Who lives in New York? Peter Weber lives in Rome.",
    "Der Arzt liest heute im Garten ein Buch.",
    "Анна чете книга в градината.",
    "安娜在花园里读书。",
]
FAMILIES = ("xlmr", "bert", "modernbert")
RELEASE = "XSTILTS_RELEASE" in os.environ
# Drawn inputs: the same ones in every run of CI, ten times as many and new ones before a release.
# Fixtures are made for all of them.
ANY = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("ci", max_examples=100, derandomize=True, **ANY)
settings.register_profile("release", max_examples=1_000, print_blob=True, **ANY)
settings.load_profile("release" if RELEASE else "ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests at the beginning of what each process gets first (xdist's worksteal: as many as
    the others, in the order of the list).

    At the end, one of them would keep a single process busy and the others waiting. Those for a
    release are skipped, unless asked for.
    """
    if not RELEASE:
        for item in items:
            if item.get_closest_marker("release"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: XSTILTS_RELEASE=1 runs it"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    fast = iter([item for item in items if not item.get_closest_marker("slow")])
    shares = [slow[place::processes] for place in range(processes)]
    length = -(-len(items) // processes)
    items[:] = [
        item for share in shares for item in (*share, *islice(fast, length - len(share)))
    ] + list(fast)


@pytest.fixture
def time_limit() -> Callable[[float], AbstractContextManager[None]]:
    """`with time_limit(5):` prints the block's seconds, and fails from 5 on before a release: a
    shared machine that is busy is no fault."""

    @contextmanager
    def limit(seconds: float) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        took = time.perf_counter() - begun
        print(f"{took:.2f} s of {seconds:g}")
        assert took < seconds or not RELEASE

    return limit


def tiny(family: str, folder: Path) -> Path:
    """Make and save an encoder of the family, width 32, three layers."""
    import torch
    from tokenizers import processors
    from transformers import (
        BertConfig,
        BertModel,
        ModernBertConfig,
        ModernBertModel,
        PreTrainedTokenizerFast,
        XLMRobertaConfig,
        XLMRobertaModel,
    )

    from xstilts_core.phases.pretrain import train_tokenizer

    torch.manual_seed(0)
    tokenizer = train_tokenizer(TEXTS, 300, 64)
    size = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    }
    marks = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    if family == "xlmr":
        network = XLMRobertaModel(
            XLMRobertaConfig(**size, **marks, max_position_embeddings=258, type_vocab_size=1),
            add_pooling_layer=False,
        )
    elif family == "bert":
        network = BertModel(BertConfig(**size, pad_token_id=1, max_position_embeddings=256))
        single, pair = "<s>:0 $A:0 </s>:0", "<s>:0 $A:0 </s>:0 $B:1 </s>:1"
        special = [("<s>", 0), ("</s>", 2)]
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=special
        )
        names = {
            name: getattr(tokenizer, name)
            for name in ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
        }
        inputs = ["input_ids", "token_type_ids", "attention_mask"]
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer, model_input_names=inputs, **names
        )
    else:
        ends = {"cls_token_id": 0, "sep_token_id": 2, **marks}
        network = ModernBertModel(
            ModernBertConfig(
                **size,
                **ends,
                local_attention=8,
                global_attn_every_n_layers=3,
                max_position_embeddings=256,
            )
        )
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Family -> folder of a tiny encoder."""
    return {family: tiny(family, tmp_path_factory.mktemp(family)) for family in FAMILIES}


@pytest.fixture(scope="session", autouse=True)
def signals_reach_children() -> Iterator[None]:
    """Start every child with the default of the signals that stop a run, also where the tests were
    started with these ignored.

    A background job of a script, nohup and some CI runners ignore them, and what is ignored stays
    so across exec; what is caught does not. The tests themselves go on ignoring them.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def hub_lock_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test writes into the project's own params/hub.lock."""
    os.environ["XSTILTS_HUB_LOCK"] = str(tmp_path_factory.mktemp("lock") / "hub.lock")


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub on this machine that has every task's data set, in four languages, and XLM-R Large's
    name for a tiny encoder.

    Its files are written once for all workers of a test run: that takes half a minute.
    """
    import hub_content

    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "hub"
    with root.with_suffix(".lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not root.is_dir():
            made = tmp_path_factory.mktemp("hub")
            hub_content.write_data(made)
            hub_content.write_encoder(made)
            made.rename(root)
    with serving(root) as server:
        yield server
