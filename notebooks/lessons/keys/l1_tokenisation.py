# %% premium
def premium(pieces, english):
    """What all texts together cost, relative to English."""
    return sum(pieces) / sum(english)


# %% dearest
dearest = lesson.costs(tokenizer)["premium"].idxmax()

# %% squeezed
squeezed = (by_vocabulary["1000 pieces"] - by_vocabulary["4000 pieces"]).idxmax()

# %% cut
cut = 100 * (lesson.lengths(small, "hi") + 2 > 48).mean()

# %% attention
attention = lesson.costs(small)["premium"]["hi"] ** 2

# %% unseen
table = lesson.costs(english_only)
unseen = list(table.index[table["unknown"] > 50])
