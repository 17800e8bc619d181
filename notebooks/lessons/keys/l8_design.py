# %% flaws
flaws = ["no question", "one seed", "no control", "recipes of different sizes", "no transfer"]

# %% my_study
my_study = """
title: Which helps zero-shot XNLI more, MNLI or CCG?
encoder: mini
seeds: [1, 2]
recipes:
  none:
  mnli: {intermediate: [mnli], train_examples: 200}
  ccg: {intermediate: [ccg], train_examples: 200}
  overlap: {control: overlap}
targets: [xnli]
languages: [en, de, zh]
reports: [30_transfer]
train: {freeze_embeddings: true, evaluations: 1, dev_examples: 50, dropout: 0.0}
target: {train_examples: 200, test_examples: 60}
"""

# %% runs
# Phase 2: 2 recipes, 2 seeds. Targets: 3 recipes, 2 seeds. The control: once.
runs = 4 + 6 + 1

# %% third_seed
third_seed = 2 + 3

# %% my_gain
table = lesson.gain_table().set_index(["recipe", "task"])
my_gain = table.loc[("mnli", "xnli"), "gain"]

# %% verdict
row = table.loc[("mnli", "xnli")]
verdict = "told from 0" if row["low"] > 0 or row["high"] < 0 else "not told from 0"
