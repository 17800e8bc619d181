"""What is shown of a finished study: figures, tables, the page, the end on the terminal."""
