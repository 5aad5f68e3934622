"""Linear algebra: what is solved, what is factored, and how large it is, a file for each."""
