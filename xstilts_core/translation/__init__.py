"""Training examples in languages other than English, and noise like that of bad translations."""
