"""How long a study will take, and what memory and disk it needs: `xstilts run STUDY --dry-run`.

work      what each run does, counted
question  what a probe is asked and answers
bench     the encoder that a probe measures
probe     the measuring process; the only one that imports torch
earlier   what finished runs took
forecast  hours, memory and disk of what is to do
"""
