"""Training examples in other languages than English, and noise like that of bad translations."""
