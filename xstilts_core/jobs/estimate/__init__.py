"""Estimate how long a study takes and what memory and disk it needs: `xstilts run STUDY --dry-run`.

work       counts what each run does
trial      a few steps of a run of each kind, through its own notebook: the second source of times
memory     the size of the encoder, and the memory of a run
forecast   hours, memory and disk of the remaining runs, from finished runs or trials, and in words
"""
