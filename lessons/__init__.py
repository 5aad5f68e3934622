"""The course: one idea a lesson, each a script in cells. `python -m lessons` lists them."""
