# %% unrelated
def unrelated(vectors):
    """Mean cosine of every two different rows."""
    import numpy as np

    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    total, count = (unit @ unit.T).sum(), len(unit)
    return (total - count) / (count * (count - 1))


# %% centred_accuracy
def centred_accuracy(english, other):
    """Percent of the English sentences that find their translation, each language's mean taken off
    first."""
    import numpy as np

    sides = [side - side.mean(axis=0) for side in (english, other)]
    sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    nearest = (sides[0] @ sides[1].T).argmax(axis=1)
    return 100 * (nearest == np.arange(len(english))).mean()


# %% gap
gap = (table["centred"] - table["raw"]).drop("en").mean()

# %% layer
layer = lesson.development(study).idxmax()

# %% untaught
untaught = test["random"].idxmax()

# %% names
names = test.loc["sw", "none"] - test.loc["sw", "names_masked"]

# %% change
change = layers["after"].iloc[-1] - layers["before"].iloc[-1]

# %% rechosen
rechosen = (test["squad_v1"] - test["none"]).mean()
