"""Where the time and the memory of a step go, op by op.

    with minitorch.profiler.profile() as prof:
        F.cross_entropy(model(x), t).backward()
        optimizer.step()
    print(prof)

The names are those of torch.profiler. While a profile is taken, the body and the rules of every op,
what writes in place and the step of every optimizer are put between two looks at the clock, from
outside: in the cell where a call finds the body, and in the plan where a backward sweep finds the
rules. Without a profile nothing of it is there, so it costs nothing.
"""

from minitorch.profiler.events import Averages, Event, Row
from minitorch.profiler.recording import ProfilerActivity, profile, record_function

__all__ = ["Averages", "Event", "ProfilerActivity", "Row", "profile", "record_function"]
