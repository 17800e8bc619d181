# %% zero_shot
zero_shot = lesson.table("xnli").loc["none"].drop("en").mean()

# %% gap
tagging = lesson.table("udpos").loc["none"]
gap = tagging["en"] - tagging.drop("en").mean()

# %% lowest
lowest = list(tagging.drop("en").sort_values().index[:3])

# %% margin
share = lesson.table("xnli").loc["none", "en"] / 100
margin = 100 * 1.96 * (share * (1 - share) / 300) ** 0.5

# %% strongest
strongest = lesson.table("xnli").drop(index="none").drop(columns="en").mean(axis=1).idxmax()

# %% pretraining
words = lesson.table("udpos").drop(columns="en")
pretraining = (words.loc["none"] - words.loc["random"]).mean()
