"""Read task splits from the embedded suite, from files or from the hub, with the hub's lock."""
