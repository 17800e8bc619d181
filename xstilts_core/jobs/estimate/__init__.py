"""Estimate how long a study takes and what memory and disk it needs: `xstilts run STUDY --dry-run`.

work         counts what each run does
sentences    counts what a translation model still has to translate
question     questions to a probe, and its answers
sample       the examples and the clock of a probe
bench        the encoder that a probe measures
translating  the translation models that it measures
probe        the measuring process; the only module that imports torch
earlier      times of finished runs
forecast     hours, memory and disk of the remaining runs
notes        the forecast in words
one_run      the forecast for a single run, before the user starts it
"""
