"""What the package asks of the machine: paths, files written whole or not at all, locks, strict
YAML, an encoder's folder."""
