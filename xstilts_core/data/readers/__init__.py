"""Read the data sets' own files (`files`) and those of the hub (`hub`). A problem in a file or
table is reported in one sentence (UsageError)."""
