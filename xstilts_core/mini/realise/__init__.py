"""One module per language turns a meaning into words; `clause.py` holds what they share."""
