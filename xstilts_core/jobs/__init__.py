"""Run a study: notebooks and their kernels, the grid and the cluster, ownership of folders, and how
long finished runs took."""
