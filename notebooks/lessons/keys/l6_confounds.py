# %% one_change
one_change = ["none, 600", "mnli, 200", "ccg, 200", "second_only, 200"]

# %% claimed
claimed = table.drop(columns="en").loc["mnli, 200"].mean() - table.drop(columns="en").loc["none, 200"].mean()

# %% same_data
# 600 examples in phase 2; the 200 of phase 3 are among them.
means = lesson.zero_shot(table)
same_data = means["mnli, 200"] - means["none, 600"]

# %% this_task
this_task = means["mnli, 200"] - means["ccg, 200"]

# %% better_than_counting
others = table.drop(columns="en")
better_than_counting = (others.loc["none, 600"] > others.loc["overlap"]).sum()

# %% lurking
left = lesson.left_out().set_index("left_out").drop("nothing")
lurking = (left["target_pairs"] + left["probing_pairs"]).idxmin()

# %% without_ruined
scores = lesson.recipes()
kept = scores.drop(scores["boolq"].nsmallest(2).index)
without_ruined = kept["boolq"].corr(kept["edges-dpr"])
