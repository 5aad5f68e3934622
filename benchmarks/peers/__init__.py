"""The workloads in the words of other libraries, one file for each that may be installed.

A function is called as the job whose step it builds, takes what the function of that name in
`floors.py` takes, and returns a step. A library that has no function for a job is left out there.
"""
