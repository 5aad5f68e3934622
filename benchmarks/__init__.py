"""How long minitorch takes, beside torch and beside the same step written by hand in NumPy.

`python -m benchmarks` runs everything; `benchmarks/README.md` holds the figures and how to read
them. A workload is one function in `workloads.py`; nothing here is a test with a clock.
"""
