"""Cards for the Hugging Face hub, written only from the files of finished runs.

record      a finished run, its parents, the runs that score its model, and its model's folder
facts       data, licences, languages, the model index, commands to reproduce a run
model_card  the card of a trained model
study_card  the card of a study's scores, and the folder in which they are published
reference_card  the README and the tables of the runs kept in reference/
folder      a new folder that is complete or absent

The texts are templates (`xstilts_core/wording/templates/`).
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
