"""Score the encoders of a finished study `laptop` by the tools that people use for the question of
`xstilts advise`: transformer-ranker and hf-dataset-selector, on the same English rows.

They live in an environment of their own, which sees that of this project:

  .venv/bin/python -m venv peers
  echo "$PWD/.venv/lib/python3.11/site-packages" > peers/lib/python3.11/site-packages/main.pth
  peers/bin/pip install --no-deps transformer-ranker==0.2.0 hf-dataset-selector==0.2.1 \
      torchmetrics==1.9.0 lightning-utilities==0.15.3
  PYTHONPATH=. peers/bin/python benchmarks/advice_peers.py --data-root DIR --encoder DIR

A quarter of an hour of one core. Nothing is downloaded. transformer-ranker ranks encoders: it is
given the one before intermediate training ("none") and those after it, for pairs and for tags, the
formats that it has. hf-dataset-selector ranks training sets by maps of one encoder's vectors to
another one's, which its authors keep on the hub for encoders of theirs: maps to the encoders of
this study are trained here by its own trainer. It has no tags.
"""

import argparse
import csv
import os
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import hfselect
import torch
from datasets import ClassLabel, Dataset, List
from hfselect.embedding_dataset import create_embedding_dataset
from hfselect.esm_logme import compute_scores
from hfselect.trainers import ESMTrainer
from transformer_ranker.datacleaner import DatasetCleaner
from transformer_ranker.embedder import Embedder
from transformer_ranker.estimators import HScore, LogME, NearestNeighbors
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from xstilts_core.data.releases import Source, plain_texts
from xstilts_core.data.source import find_source
from xstilts_core.examples import PairExample
from xstilts_core.study import Study
from xstilts_core.study.spec import BASELINE
from xstilts_core.tasks import TASKS

# Labelled rows of a target: pairs, and sentences of 2,000 words and more.
_ROWS = {"xnli": 200, "pawsx": 200, "udpos": 100, "panx": 100}
# Texts of a recipe's tasks on which its map is trained, and epochs. Maps leave 3 to 6 % of the
# variance of the other encoder's vectors, of squad_v1 18 and of squad_v2 46 %.
_TEXTS, _EPOCHS = 150, 100
ESTIMATORS = {"H-score": HScore, "LogME": LogME, "nearest neighbours": NearestNeighbors}
RANKER = f"transformer-ranker {version('transformer-ranker')}"
SELECTOR = f"hf-dataset-selector {version('hf-dataset-selector')}"

Scored = tuple[str, str, str, float, float]
"""Target, tool, recipe, score, CPU seconds."""


def target_rows(source: Source, target: str, count: int) -> Dataset:
    """Return English training rows of a target: text, text_b for pairs, and the index of a label or
    one for each word."""
    (examples,) = source.training(TASKS[target].train_on, count, seed=1).values()
    if isinstance(examples[0], PairExample):
        names = sorted({example.label for example in examples})
        rows = [
            {"text": row.text_a, "text_b": row.text_b, "label": names.index(row.label)}
            for row in examples
        ]
        return Dataset.from_list(rows).cast_column("label", ClassLabel(names=names))
    names = sorted({tag for example in examples for tag in example.tags})
    rows = [
        {"text": list(row.words), "label": [names.index(tag) for tag in row.tags]}
        for row in examples
    ]
    return Dataset.from_list(rows).cast_column("label", List(ClassLabel(names=names)))


def ranker(recipe: str, folder: Path, rows: Mapping[str, Dataset]) -> Iterator[Scored]:
    """Score an encoder on the rows of each target by transformer-ranker, with its default mean over
    layers."""
    embedder = Embedder(str(folder), layer_ids="all", layer_mean=True, device="cpu")
    for target, labelled in rows.items():
        started = time.process_time()
        pairs = {"text_pair_column": "text_b"} if "text_b" in labelled.column_names else {}
        cleaner = DatasetCleaner(text_column="text", label_column="label", **pairs)
        texts, labels, _ = cleaner.prepare_dataset(labelled)
        embedder.sentence_pooling = "mean" if pairs else None
        vectors = embedder.embed(list(texts), show_progress=False)
        words = vectors if pairs else [word for sentence in vectors for word in sentence]
        table = torch.stack([word[0] for word in words])
        seconds = time.process_time() - started
        for name, estimator in ESTIMATORS.items():
            score = estimator(regression=False).fit(embeddings=table, labels=labels)
            yield target, f"{RANKER}, {name}", recipe, float(score), seconds


def selector_model(folder: Path) -> PreTrainedModel:
    """Return an encoder that hf-dataset-selector pools by the mean, as this study trains it: it
    does so if the name says sentence-transformers."""
    model = AutoModel.from_pretrained(folder)
    model.name_or_path = f"sentence-transformers/{folder.name}"
    return model.eval()


def selector_maps(
    source: Source, tasks: Mapping[str, list[str]], encoders: Mapping[str, Path]
) -> tuple[dict[str, hfselect.ESM], dict[str, float]]:
    """Train hf-dataset-selector's map from the first encoder to each other one, on texts of the
    recipe's tasks; return them with their CPU seconds. The map of the first is the identity."""
    base = selector_model(encoders[BASELINE])
    tokenizer = AutoTokenizer.from_pretrained(encoders[BASELINE])
    identity = hfselect.ESM(architecture="linear", embedding_dim=base.config.hidden_size)
    torch.nn.init.eye_(identity.model.weight)
    torch.nn.init.zeros_(identity.model.bias)
    maps, seconds = {BASELINE: identity}, {BASELINE: 0.0}
    for recipe, names in tasks.items():
        started = time.process_time()
        count = _TEXTS // len(names)
        examples = [
            example
            for name in names
            for part in source.training(name, count, seed=1).values()
            for example in part
        ]
        texts = [text for _, text in plain_texts(examples, "en")]
        texts = texts[:: max(1, len(texts) // _TEXTS)][:_TEXTS]
        content = Dataset.from_list([{"text": text, "label": 0.0} for text in texts])
        data = hfselect.Dataset(content, "text", "label", is_regression=True, metadata={})
        after = selector_model(encoders[recipe])
        vectors = create_embedding_dataset(data, base, after, tokenizer, batch_size=32)
        maps[recipe] = ESMTrainer().train_with_embeddings(vectors, num_epochs=_EPOCHS, verbose=0)
        seconds[recipe] = time.process_time() - started
    return maps, seconds


def selector(
    target: str,
    rows: Dataset,
    encoder: Path,
    maps: Mapping[str, hfselect.ESM],
    seconds: Mapping[str, float],
) -> Iterator[Scored]:
    """Score the maps by hf-dataset-selector on the rows of a target with pairs."""
    data = hfselect.Dataset(rows, ("text", "text_b"), "label", is_regression=False, metadata={})
    started = time.process_time()
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    scores = compute_scores(data, selector_model(encoder), list(maps.values()), tokenizer)
    share = (time.process_time() - started) / len(maps)
    for recipe, score in zip(maps, scores, strict=True):
        yield target, SELECTOR, recipe, float(score), share + seconds[recipe]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the scores of the peers as CSV.")
    parser.add_argument("--data-root", required=True, help="folder of the original files")
    parser.add_argument("--encoder", required=True, help="folder of the study's encoder")
    parser.add_argument("--outputs", default="outputs", help="folder that holds laptop/")
    parser.add_argument("--csv", default="benchmarks/advice_peers.csv", help="what is written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    source = find_source("files", options.data_root)
    recipes = Study.load("laptop").recipes
    tasks = {
        name: list(recipe.intermediate) for name, recipe in recipes.items() if recipe.intermediate
    }
    after = Path(options.outputs, "laptop", "intermediate").resolve()
    encoders = {
        BASELINE: Path(options.encoder).resolve(),
        **{name: after / name / "seed1" / "model" for name in tasks},
    }
    with Path(options.csv).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["target", "tool", "recipe", "score", "seconds"])

        def keep(scored: Iterator[Scored]) -> None:
            for target, tool, recipe, score, seconds in scored:
                table.writerow([target, tool, recipe, f"{score:.6g}", f"{seconds:.1f}"])
                file.flush()

        rows = {target: target_rows(source, target, count) for target, count in _ROWS.items()}
        for recipe, folder in encoders.items():
            keep(ranker(recipe, folder, rows))
        maps, seconds = selector_maps(source, tasks, encoders)
        for target in ("xnli", "pawsx"):
            keep(selector(target, rows[target], encoders[BASELINE], maps, seconds))
    Path("hfselect_logs.log").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
