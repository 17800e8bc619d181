"""XTREME and XTREME-R with the rules of their public evaluator (google-research/xtreme,
evaluate.py): score a folder of predictions, or write one from a study.

rules       tasks, languages, groups and the order of summation
kinds       read, write and score each kind of file
scores      score a folder of predictions against a folder of labels
submission  choose the runs of a study, and write the folder from their kept predictions
"""

from xstilts_core.publish.xtreme.rules import RULES, XTREME, XTREME_R, Rules
from xstilts_core.publish.xtreme.scores import score

__all__ = ["RULES", "XTREME", "XTREME_R", "Rules", "score"]
