# %% half_width
def half_width(values):
    """Half the width of the 95 % interval of the mean of so many runs."""
    import numpy as np

    return lesson.quantile(len(values)) * np.std(values, ddof=1) / np.sqrt(len(values))


# %% seeds_needed
# All signs alike, and all the other way: 2 of 2 ** 6 patterns, 0.031; of five seeds it is 0.0625.
seeds_needed = 6

# %% small_p
small_p = (gains["p"] < 0.05).sum()

# %% by_chance
by_chance = 0.05 * gains["p"].notna().sum()


# %% holm_findings
def holm_findings(p):
    """How many of these p-values are findings by Holm's rule."""
    found = 0
    for place, value in enumerate(sorted(p)):
        if value >= 0.05 / (len(p) - place):
            break
        found += 1
    return found


# %% best_of_ten
best_of_ten = lesson.largest(10, lesson.usual_spread())

# %% enough_seeds
enough_seeds = 2
while lesson.detectable(enough_seeds, lesson.usual_spread()) > 2:
    enough_seeds += 1

# %% seeds_to_tell
table = lesson.with_more_seeds("ccg", "udpos")
seeds_to_tell = max(table.index[(table["low"] <= 0) & (table["high"] >= 0)]) + 1
