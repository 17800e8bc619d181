"""How long a study will take, and what memory and disk it needs: `xstilts run STUDY --dry-run`.

work         what each run does, counted
sentences    what a translation model has to say in other languages, counted
question     what a probe is asked and answers
sample       what a probe measures with: examples, a clock
bench        the encoder that a probe measures
translating  the translation models that it measures
probe        the measuring process; the only one that imports torch
earlier      what finished runs took
forecast     hours, memory and disk of what is to do
notes        the same in words
one_run      the same of a single run, before a person starts it
"""
