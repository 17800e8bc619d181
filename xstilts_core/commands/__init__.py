"""The subcommands of `xstilts`: check the input, call the core, print, return the exit code."""
