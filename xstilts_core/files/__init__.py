"""Access to the machine: paths, whole-file writes, locks, strict YAML, and an encoder's folder."""
