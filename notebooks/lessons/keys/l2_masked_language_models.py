# %% uniform
import math

uniform = math.log(len(lesson.guesser().encoder.tokenizer))


# %% perplexity
def perplexity(loss):
    """Between how many equally likely pieces would a guesser of this loss have to choose?"""
    return math.exp(loss)


# %% above_random
above_random = (by_language["right"] - by_language["right_random"]).mean()

# %% hardest_tag
hardest_tag = lesson.by_tag()["others"].idxmin()

# %% translation
translation = (beside["beside its translation"] - beside["beside another"]).mean()
