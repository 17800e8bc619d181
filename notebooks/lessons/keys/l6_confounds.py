# %% one_change
one_change = ["none, 4000", "mnli, 300", "ccg, 300", "second_only, 300"]

# %% claimed
claimed = table.drop(columns="en").loc["mnli, 300"].mean() - table.drop(columns="en").loc["none, 300"].mean()

# %% same_data
# 4,000 examples in phase 2; the 300 of phase 3 are among them.
means = lesson.zero_shot(table)
same_data = means["mnli, 300"] - means["none, 4000"]

# %% this_task
this_task = means["mnli, 300"] - means["ccg, 300"]

# %% better_than_counting
others = table.drop(columns="en")
better_than_counting = (others.loc["none, 4000"] > others.loc["overlap"]).sum()

# %% lurking
left = lesson.left_out().set_index("left_out").drop("nothing")
lurking = (left["target_pairs"] + left["probing_pairs"]).idxmin()

# %% without_ruined
scores = lesson.recipes()
kept = scores.drop(scores["boolq"].nsmallest(2).index)
without_ruined = kept["boolq"].corr(kept["edges-dpr"])
