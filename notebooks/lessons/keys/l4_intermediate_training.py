# %% gain
gain = lesson.by_seed("squad_v1", "tydiqa").drop("en").to_numpy().mean()

# %% signs
english, others = both.loc["squad_v1 on udpos"]
if english > 0:
    signs = "both rise" if others > 0 else "English rises, the others fall"
else:
    signs = "English falls, the others rise" if others > 0 else "both fall"

# %% deviation
deviation = lesson.by_seed("ccg", "tydiqa").drop("en").mean().std()

# %% clear
table = lesson.gain_table()
table = table[(table["low"] > 0) | (table["high"] < 0)]
clear = list(table["recipe"] + " on " + table["task"])

# %% ranked
ranked = list(lesson.development()["udpos"].sort_values(ascending=False).index)

# %% sure
table = lesson.advised()
sure = list(table["recipe"][(table["low_80"] > 0) | (table["high_80"] < 0)])

# %% harm
harm = 100 * (1 - lesson.advised().set_index("recipe")["chance"]["mnli"])

# %% lost
targets = published.groupby("target")
largest = published.loc[targets["examples"].idxmax()].set_index("target")["gain"]
lost = (targets["gain"].max().clip(lower=0) - largest).mean()
