"""cupy.cuda: devices, streams and events that are always done, and kernels run on the host."""

import time
from collections.abc import Callable
from typing import Any

from tests.fakecupy import emulation
from tests.fakecupy.array import Device, poison
from tests.fakecupy.capture import Capture, Graph, using_allocator
from tests.fakecupy.functions import MemoryPool
from tests.fakecupy.state import CUDARuntimeError, counters, gpu


class Stream:
    """A queue of work. Everything has run by the time the host asks."""

    ptr = 0

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False):
        gpu.require()
        self.non_blocking = non_blocking
        self.done = True
        self._capture: Capture | None = None

    def use(self) -> "Stream":
        _current[-1] = self
        gpu.capture = self._capture
        return self

    def begin_capture(self, mode: int | None = None) -> None:
        if self is Stream.null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if not self.non_blocking:
            raise CUDARuntimeError(900)  # the null stream would wait for it
        self._capture = Capture()
        if _current[-1] is self:
            gpu.capture = self._capture

    def is_capturing(self) -> bool:
        return self._capture is not None

    def end_capture(self) -> Graph:
        capture, self._capture = self._capture, None
        if capture is None:
            raise RuntimeError("cannot end the capture of a stream that captures nothing")
        if _current[-1] is self:
            gpu.capture = None
        return capture.ended(poison)

    def synchronize(self) -> None:
        counters.sync += 1

    def record(self, event: "Event | None" = None) -> "Event":
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: "Event") -> None:
        """Whatever the event stands for has happened."""

    def __enter__(self) -> "Stream":
        _current.append(self)
        gpu.capture = self._capture
        return self

    def __exit__(self, *_: object) -> None:
        _current.pop()
        gpu.capture = _current[-1]._capture


class Event:
    """A moment in a stream."""

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ):
        self.done = True
        self.time = 0.0

    def record(self, stream: Stream | None = None) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        counters.sync += 1


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds between two events."""
    return 1000 * (end_event.time - start_event.time)


Stream.null = Stream(null=True)
_current = [Stream.null]


def get_current_stream() -> Stream:
    return _current[-1]


def is_available() -> bool:
    return gpu.present


def get_device_id() -> int:
    gpu.require()
    return gpu.current


def get_device_count() -> int:
    gpu.require()
    return gpu.count


def set_device(device: int) -> None:
    Device(device).use()


def device_synchronize() -> None:
    Device().synchronize()


def memory_info() -> tuple[int, int]:
    """Free and total bytes of a GPU of a size that nobody has."""
    gpu.require()
    return 2**40, 2**40


def get_device_properties(device: int) -> dict[str, Any]:
    """The name, as bytes, and the age of a GPU that nobody has."""
    gpu.require()
    if not 0 <= device < gpu.count:
        raise CUDARuntimeError(101)
    return {"name": b"Stand-in", "major": 9, "minor": 0}


def driver_version() -> int:
    """12.4, in CUDA's way of writing it; 0 stands for no driver."""
    return 12040 if gpu.present else 0


_compute_types: dict[str, int] = {}


def set_compute_type(dtype: Any, compute_type: int) -> None:
    """How products of a dtype are computed: 1 is the default, 7 is TF32."""
    gpu.require()
    if not 0 <= compute_type <= 7:
        raise ValueError(f"Unknown compute type: {compute_type}")
    _compute_types[dtype.name] = compute_type


def get_compute_type(dtype: Any) -> int:
    return _compute_types.get(dtype.name, 1)


CORE: dict[str, Any] = {
    "get_compute_type": get_compute_type,
    "set_compute_type": set_compute_type,
}
RUNTIME: dict[str, Any] = {
    "CUDARuntimeError": CUDARuntimeError,
    "getDeviceCount": get_device_count,
    "getDevice": get_device_id,
    "setDevice": set_device,
    "deviceSynchronize": device_synchronize,
    "driverGetVersion": driver_version,
    "getDeviceProperties": get_device_properties,
    "memGetInfo": memory_info,
}
MEMBERS: dict[str, Any] = {
    "Device": Device,
    "Stream": Stream,
    "Event": Event,
    "Graph": Graph,
    "MemoryPool": MemoryPool,
    "get_current_stream": get_current_stream,
    "get_device_id": get_device_id,
    "get_elapsed_time": get_elapsed_time,
    "is_available": is_available,
    "using_allocator": using_allocator,
}


class _Kernel:
    """CUDA source with a name. Making one compiles nothing, so that works; calling it may not."""

    def __init__(self, *source: Any, name: str = "kernel", **options: Any):
        self.source, self.name, self.options = source, name, options

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} {self.name!r} is CUDA code and needs a GPU; "
            "the stand-in for CuPy cannot run it"
        )


class ElementwiseKernel(_Kernel):
    def __init__(
        self, in_params: str, out_params: str, operation: str, name: str = "kernel", **options: Any
    ):
        super().__init__(in_params, out_params, operation, name=name, **options)


class ReductionKernel(_Kernel):
    def __init__(self, *source: Any, name: str = "reduce_kernel", **options: Any):
        super().__init__(*source, name=name, **options)


class RawKernel(_Kernel):
    """A kernel that is CUDA C from its first word to its last: g++ takes it, where there is one."""

    def __init__(self, code: str, name: str, *options: Any, **more: Any):
        super().__init__(code, *options, name=name, **more)

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, shared_mem: int = 0) -> None:
        if emulation.compiler() is None or shared_mem:
            super().__call__()
        emulation.run(self.source[0], self.name, grid, block, args)


class RawModule:
    def __init__(self, *, code: str | None = None, **options: Any):
        self.code = code

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self.code or "", name)


KERNELS: dict[str, Callable] = {
    "ElementwiseKernel": ElementwiseKernel,
    "ReductionKernel": ReductionKernel,
    "RawKernel": RawKernel,
    "RawModule": RawModule,
}
