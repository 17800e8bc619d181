"""XTREME and XTREME-R as their public evaluator takes them (google-research/xtreme, evaluate.py):
scores of a folder of predictions, and the folder made from a study.

rules       tasks, languages, groups and the order in which numbers are added up
files       one file of predictions or labels, read and checked
kinds       how each kind of file is read, written and scored
scores      a folder of predictions against one of labels
chosen      which run of a study a submission takes, and what the study lacks for it
submission  the folder written from a study's kept predictions
"""

from xstilts_core.publish.xtreme.rules import RULES, XTREME, XTREME_R, Rules
from xstilts_core.publish.xtreme.scores import score

__all__ = ["RULES", "XTREME", "XTREME_R", "Rules", "score"]
