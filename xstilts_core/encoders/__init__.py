"""What stands behind model.py and packing.py: an encoder read and tried, its hidden states, its
attention and dropout on a CPU."""
