"""Run a study: notebooks and their kernels, the grid and the cluster, ownership of folders, and how
long finished runs took.

grid, cluster, stopping   Snakemake on a study's runs; its profile's executor; Ctrl-C
runner, notebook          one run: its folder, its lock, papermill
kernel, kernel_server, lifeline   the kernel of a run, ready at once, ended with its parent
sharing, aside, kept_runs   runs of other studies, of older settings, and kept in reference/
progress, estimate        what a grid has done, and what it will need
"""
