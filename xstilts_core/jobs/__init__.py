"""Running a study: notebooks and their kernels, the grid and the cluster, whose folder it is, what
finished runs took."""
