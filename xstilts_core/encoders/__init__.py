"""Parts of model.py and packing.py: loading, trials, hidden states, CPU attention and dropout."""
