"""What the run notebooks call beside run.py and retrieve.py: phase 1, probing, controls, fetching;
whether phase 2 learnt."""
