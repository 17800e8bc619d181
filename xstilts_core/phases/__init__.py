"""Further run notebooks: phase 1, probing, controls, fetching, and whether phase 2 learnt."""
