"""Functions of functions, each in the file of its kind; `minitorch.func` is where they are used."""
