"""Cards for the Hugging Face hub, written from what runs left on the disk and from nothing else.

record      a finished run, its parents, the runs that score its model; where its model is
model_card  the card of a model that a run trained
study_card  the card of a study's scores, and the folder that they are published in
reference_card  the README and the tables beside runs that are kept in reference/
data        which data a run read, and under which licences
scores      scores as tables and as the hub's model index
limits      what a reader must know before trusting a number
folder      a new folder that is there whole or not at all
origin      commits, versions, machines, and the commands that make it again
"""

from xstilts_core.publish.cards.folder import new_folder
from xstilts_core.publish.cards.model_card import model_card
from xstilts_core.publish.cards.record import Record, find, model_folder
from xstilts_core.publish.cards.reference_card import write_tables
from xstilts_core.publish.cards.study_card import export_study, study_card

__all__ = [
    "Record",
    "export_study",
    "find",
    "model_card",
    "model_folder",
    "new_folder",
    "study_card",
    "write_tables",
]
