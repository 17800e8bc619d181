"""The peer: the Hugging Face Trainer as it comes, with its collator, its optimizer and its
defaults."""

from typing import Any

from datasets import Dataset
from torch import nn
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from benchmarks.workload import PAIR_LENGTH, tokenizer

DYNAMIC = "HF Trainer, dynamic padding"
HALF = "HF Trainer, bfloat16, dynamic padding"
PADDED = f"HF Trainer, padding to {PAIR_LENGTH}"


def collator(
    name: str, rows: Dataset | None = None
) -> DataCollatorWithPadding | DataCollatorForTokenClassification:
    """DYNAMIC pads to the longest row of a batch, PADDED to PAIR_LENGTH (the default of
    run_glue.py, jiant and XTREME).

    Labels that stand at every token of `rows` are padded too.
    """
    fixed = name == PADDED
    if rows is not None and "labels" in rows.column_names and isinstance(rows[0]["labels"], list):
        return DataCollatorForTokenClassification(tokenizer())
    return DataCollatorWithPadding(
        tokenizer(),
        padding="max_length" if fixed else True,
        max_length=PAIR_LENGTH if fixed else None,
    )


def trainer(
    name: str, model: nn.Module, folder: str, rows: Dataset | None = None, **arguments: Any
) -> Trainer:
    """A Trainer on the CPU that writes nothing and shows no bar. `rows` are read in their order:
    they are shuffled already."""
    settings = TrainingArguments(
        output_dir=folder,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        bf16=name == HALF,
        train_sampling_strategy="sequential",
        **arguments,
    )
    found = Trainer(
        model=model, args=settings, data_collator=collator(name, rows), train_dataset=rows
    )
    found.remove_callback(PrinterCallback)
    return found
