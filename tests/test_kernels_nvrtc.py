"""Every kernel compiles for the GPUs in use, which takes NVIDIA's compiler and no GPU."""

from __future__ import annotations

import re

import pytest

from minitorch.kernels import source
from tests import nvrtc

pytestmark = pytest.mark.skipif(
    nvrtc.library() is None,
    reason="needs NVRTC: pip install nvidia-cuda-nvrtc-cu12, or a CUDA toolkit",
)


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("dtype", source.NUMBERS)
@pytest.mark.parametrize("file", source.FILES)
def test_every_kernel_compiles_for_every_dtype(file: str, dtype: str, architecture: str):
    for wide in (False, True):
        code = nvrtc.compiled(source.source(file, dtype, wide), architecture)
        for name in source.names(file):
            assert name.encode() in code


@pytest.mark.parametrize("file", source.FILES)
def test_the_names_of_the_kernels_are_all_found(file: str):
    text = source.source(file, "float32")
    assert len(source.names(file)) == len(re.findall(r"__global__", text)) > 0


def test_what_is_wrong_does_not_compile():
    with pytest.raises(ValueError, match='identifier "y" is undefined'):
        nvrtc.compiled('extern "C" __global__ void f(float* x) { *x = y; }', "sm_80")
