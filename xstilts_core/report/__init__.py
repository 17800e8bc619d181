"""Present a finished study: figures, tables, the HTML page and the summary in the terminal."""
