"""Estimate how long a study takes and what memory and disk it needs: `xstilts run STUDY --dry-run`.

work       counts what each run does
earlier    times of finished runs
trial      a few steps of a run of each kind, through its own notebook; the other source of times
memory     the size of the encoder, and the memory of a run
forecast   hours, memory and disk of the remaining runs
notes      the forecast in words
"""
