"""What CuPy 14.2.0 offers, name by name: its functions, methods, ufuncs and modules.

Written by `python -m tests.fakecupy.regenerate`. A group of plain names is one string of words;
where parameters matter a name has a short line, explained in signatures.py.
"""

VERSION = "14.2.0"

SHARED = """
bool bool_ broadcast_shapes byte cdouble complex128 complex64 complexfloating csingle double dtype
e euler_gamma finfo float16 float32 float64 floating generic get_printoptions half iinfo index_exp
inexact inf int16 int32 int64 int8 int_ intc integer intp isdtype issubdtype iterable long longlong
mintypecode nan ndindex newaxis number pi printoptions promote_types s_ set_printoptions short
signedinteger single typename ubyte uint uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong
unsignedinteger ushort
"""

UFUNCS = """
abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan
atan2 atanh bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or
bitwise_right_shift bitwise_xor cbrt ceil conj conjugate copysign cos cosh deg2rad degrees divide
divmod equal exp exp2 expm1 fabs fix float_power floor floor_divide fmax fmin fmod frexp gcd
greater greater_equal heaviside hypot i0 invert isfinite isinf isnan lcm ldexp left_shift less
less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor
maximum minimum mod modf multiply negative nextafter not_equal positive pow power rad2deg radians
reciprocal remainder right_shift rint sign signbit sin sinc sinh sqrt square subtract tan tanh
true_divide trunc
"""

OTHERS = """
AxisError ComplexWarning DataSource ElementwiseKernel Inf Infinity ModuleDeprecationWarning NAN
NINF NZERO NaN PINF PZERO RankWarning RawKernel RawModule ReductionKernel TooHardError
VisibleDeprecationWarning broadcast c_ cfloat complex_ cuda disable_experimental_feature_warning
exceptions fft flatiter float_ format_parser infty lib linalg mgrid ndarray ogrid poly1d polynomial
r_ random singlecomplex testing typing ufunc vectorize
"""

FUNCTIONS = {
    "all": "a axis= out= keepdims=",
    "allclose": "a b rtol= atol= equal_nan=",
    "alltrue": "a axis= out= keepdims=",
    "amax": "a axis= out= keepdims=",
    "amin": "a axis= out= keepdims=",
    "angle": "z deg=",
    "any": "a axis= out= keepdims=",
    "append": "arr values axis=",
    "apply_along_axis": "func1d axis arr *args **kwargs",
    "apply_over_axes": "func a axes",
    "arange": "start stop= step= dtype=",
    "argmax": "a axis= dtype= out= keepdims=",
    "argmin": "a axis= dtype= out= keepdims=",
    "argpartition": "a kth axis=",
    "argsort": "a axis= kind=",
    "argwhere": "a",
    "around": "a decimals= out=",
    "array": "obj dtype= copy= order= subok= ndmin= * blocking=",
    "array2string": "a *args **kwargs",
    "array_equal": "a1 a2 equal_nan=",
    "array_equiv": "a1 a2",
    "array_repr": "arr max_line_width= precision= suppress_small=",
    "array_split": "ary indices_or_sections axis=",
    "array_str": "arr max_line_width= precision= suppress_small=",
    "asanyarray": "a dtype= order= * copy= blocking=",
    "asarray": "a dtype= order= * copy= blocking=",
    "asarray_chkfinite": "a dtype= order=",
    "ascontiguousarray": "a dtype=",
    "asfarray": "a dtype=",
    "asfortranarray": "a dtype=",
    "asnumpy": "a stream= order= out= * blocking=",
    "astype": "x dtype / * copy=",
    "atleast_1d": "*arys",
    "atleast_2d": "*arys",
    "atleast_3d": "*arys",
    "average": "a axis= weights= returned= * keepdims=",
    "bartlett": "M",
    "base_repr": "number base= padding=",
    "binary_repr": "num width=",
    "bincount": "x weights= minlength=",
    "blackman": "M",
    "broadcast_arrays": "*args",
    "broadcast_to": "array shape",
    "byte_bounds": "a",
    "can_cast": "from_ to casting=",
    "choose": "a choices out= mode=",
    "clear_memo": "*args **kwargs",
    "clip": "a a_min a_max out=",
    "column_stack": "tup",
    "common_type": "*arrays",
    "compress": "condition a axis= out=",
    "concat": "tup axis= out= * dtype= casting=",
    "concatenate": "tup axis= out= * dtype= casting=",
    "convolve": "a v mode=",
    "copy": "a order=",
    "copyto": "dst src casting= where=",
    "corrcoef": "a y= rowvar= bias= ddof= * dtype=",
    "correlate": "a v mode=",
    "count_nonzero": "a axis=",
    "cov": "a y= rowvar= bias= ddof= fweights= aweights= * dtype=",
    "cross": "a b axisa= axisb= axisc= axis=",
    "cumprod": "a axis= dtype= out=",
    "cumproduct": "a axis= dtype= out=",
    "cumsum": "a axis= dtype= out=",
    "cumulative_prod": "x / * axis= dtype= out= include_initial=",
    "cumulative_sum": "x / * axis= dtype= out= include_initial=",
    "delete": "arr indices axis=",
    "diag": "v k=",
    "diag_indices": "n ndim=",
    "diag_indices_from": "arr",
    "diagflat": "v k=",
    "diagonal": "a offset= axis1= axis2=",
    "diff": "a n= axis= prepend= append=",
    "digitize": "x bins right=",
    "disp": "*args **kwds",
    "dot": "a b out=",
    "dsplit": "ary indices_or_sections",
    "dstack": "tup",
    "ediff1d": "arr to_end= to_begin=",
    "einsum": "*operands **kwargs",
    "empty": "shape dtype= order=",
    "empty_like": "prototype dtype= order= subok= shape=",
    "expand_dims": "a axis",
    "extract": "condition a",
    "eye": "N M= k= dtype= order=",
    "fill_diagonal": "a val wrap=",
    "find_common_type": "*args **kwds",
    "flatnonzero": "a",
    "flip": "a axis=",
    "fliplr": "a",
    "flipud": "a",
    "format_float_positional": "x *args **kwargs",
    "format_float_scientific": "x *args **kwargs",
    "fromDlpack": "dltensor",
    "from_dlpack": "array * device= copy=",
    "frombuffer": "*args **kwargs",
    "fromfile": "*args **kwargs",
    "fromfunction": "*args **kwargs",
    "fromiter": "*args **kwargs",
    "fromstring": "*args **kwargs",
    "full": "shape fill_value dtype= order=",
    "full_like": "a fill_value dtype= order= subok= shape=",
    "fuse": "*args **kwargs",
    "genfromtxt": "*args **kwargs",
    "get_array_module": "*args",
    "get_array_wrap": "*args **kwds",
    "get_default_memory_pool": "",
    "get_default_pinned_memory_pool": "",
    "gradient": "f *varargs axis= edge_order=",
    "hamming": "M",
    "hanning": "M",
    "histogram": "x bins= range= density= weights=",
    "histogram2d": "x y bins= range= weights= density=",
    "histogramdd": "sample bins= range= weights= density=",
    "hsplit": "ary indices_or_sections",
    "hstack": "tup * dtype= casting=",
    "identity": "n dtype=",
    "imag": "val",
    "in1d": "ar1 ar2 assume_unique= invert=",
    "indices": "dimensions dtype=",
    "inner": "a b",
    "interp": "x xp fp left= right= period=",
    "intersect1d": "arr1 arr2 assume_unique= return_indices=",
    "is_available": "",
    "isclose": "a b rtol= atol= equal_nan=",
    "iscomplex": "x",
    "iscomplexobj": "x",
    "isfortran": "a",
    "isin": "element test_elements assume_unique= invert=",
    "isneginf": "x out=",
    "isposinf": "x out=",
    "isreal": "x",
    "isrealobj": "x",
    "isscalar": "element",
    "issctype": "rep",
    "issubclass_": "arg1 arg2",
    "issubsctype": "arg1 arg2",
    "ix_": "*args",
    "kaiser": "M beta",
    "kron": "a b",
    "lexsort": "keys",
    "linspace": "start stop num= endpoint= retstep= dtype= axis=",
    "load": "file mmap_mode= allow_pickle=",
    "loadtxt": "*args **kwargs",
    "logspace": "start stop num= endpoint= base= dtype= axis=",
    "make_aligned_dtype": "dtype * alignment= recurse=",
    "mask_indices": "n mask_func k=",
    "matmul": "*args axes= axis= keepdims= casting= dtype= signature= order= out=",
    "matrix_transpose": "x /",
    "max": "a axis= out= keepdims=",
    "may_share_memory": "a b max_work=",
    "mean": "a axis= dtype= out= keepdims=",
    "median": "a axis= out= overwrite_input= keepdims=",
    "memoize": "for_each_device=",
    "meshgrid": "*xi **kwargs",
    "min": "a axis= out= keepdims=",
    "min_scalar_type": "a",
    "moveaxis": "a source destination",
    "msort": "a",
    "nan_to_num": "x copy= nan= posinf= neginf=",
    "nanargmax": "a axis= dtype= out= keepdims=",
    "nanargmin": "a axis= dtype= out= keepdims=",
    "nancumprod": "a axis= dtype= out=",
    "nancumsum": "a axis= dtype= out=",
    "nanmax": "a axis= out= keepdims=",
    "nanmean": "a axis= dtype= out= keepdims=",
    "nanmedian": "a axis= out= overwrite_input= keepdims=",
    "nanmin": "a axis= out= keepdims=",
    "nanprod": "a axis= dtype= out= keepdims=",
    "nanstd": "a axis= dtype= out= ddof= keepdims=",
    "nansum": "a axis= dtype= out= keepdims=",
    "nanvar": "a axis= dtype= out= ddof= keepdims=",
    "ndim": "a",
    "nonzero": "a",
    "obj2sctype": "rep default=",
    "ones": "shape dtype= order=",
    "ones_like": "a dtype= order= subok= shape=",
    "outer": "a b out=",
    "packbits": "a axis= bitorder=",
    "pad": "array pad_width mode= **kwargs",
    "partition": "a kth axis=",
    "percentile": "a q axis= out= overwrite_input= method= keepdims= * interpolation=",
    "permute_dims": "a axes=",
    "piecewise": "x condlist funclist",
    "place": "arr mask vals",
    "poly": "seq_of_zeros",
    "polyadd": "a1 a2",
    "polyfit": "x y deg rcond= full= w= cov=",
    "polymul": "a1 a2",
    "polysub": "a1 a2",
    "polyval": "p x",
    "prod": "a axis= dtype= out= keepdims=",
    "product": "a axis= dtype= out= keepdims=",
    "ptp": "a axis= out= keepdims=",
    "put": "a ind v mode=",
    "put_along_axis": "arr indices values axis",
    "putmask": "a mask values",
    "quantile": "a q axis= out= overwrite_input= method= keepdims= * interpolation=",
    "ravel": "a order=",
    "ravel_multi_index": "multi_index dims mode= order=",
    "real": "val",
    "real_if_close": "a tol=",
    "repeat": "a repeats axis=",
    "require": "a dtype= requirements=",
    "reshape": "a newshape order= * copy=",
    "resize": "a new_shape",
    "result_type": "*arrays_and_dtypes",
    "roll": "a shift axis=",
    "rollaxis": "a axis start=",
    "roots": "p",
    "rot90": "a k= axes=",
    "round": "a decimals= out=",
    "round_": "a decimals= out=",
    "row_stack": "tup * dtype= casting=",
    "safe_eval": "*args **kwds",
    "save": "file arr allow_pickle=",
    "savetxt": "fname X *args **kwargs",
    "savez": "file *args **kwds",
    "savez_compressed": "file *args **kwds",
    "sctype2char": "sctype",
    "searchsorted": "a v side= sorter=",
    "select": "condlist choicelist default=",
    "set_string_function": "*args **kwds",
    "setdiff1d": "ar1 ar2 assume_unique=",
    "setxor1d": "ar1 ar2 assume_unique=",
    "shape": "a",
    "shares_memory": "a b max_work=",
    "show_config": "* _full=",
    "size": "a axis=",
    "sometrue": "a axis= out= keepdims=",
    "sort": "a axis= kind=",
    "sort_complex": "a",
    "split": "ary indices_or_sections axis=",
    "squeeze": "a axis=",
    "stack": "tup axis= out= * dtype= casting=",
    "std": "a axis= dtype= out= ddof= keepdims=",
    "sum": "a axis= dtype= out= keepdims=",
    "swapaxes": "a axis1 axis2",
    "take": "a indices axis= out=",
    "take_along_axis": "a indices axis",
    "tensordot": "a b axes=",
    "tile": "A reps",
    "trace": "a offset= axis1= axis2= dtype= out=",
    "transpose": "a axes=",
    "trapezoid": "y x= dx= axis=",
    "trapz": "y x= dx= axis=",
    "tri": "N M= k= dtype=",
    "tril": "m k=",
    "tril_indices": "n k= m=",
    "tril_indices_from": "arr k=",
    "trim_zeros": "filt trim=",
    "triu": "m k=",
    "triu_indices": "n k= m=",
    "triu_indices_from": "arr k=",
    "union1d": "arr1 arr2",
    "unique": "ar return_index= return_inverse= return_counts= axis= * equal_nan=",
    "unique_all": "x",
    "unique_counts": "x",
    "unique_inverse": "x",
    "unique_values": "x",
    "unpackbits": "a axis= bitorder=",
    "unravel_index": "indices dims order=",
    "unwrap": "p discont= axis= * period=",
    "vander": "x N= increasing=",
    "var": "a axis= dtype= out= ddof= keepdims=",
    "vdot": "a b",
    "vsplit": "ary indices_or_sections",
    "vstack": "tup * dtype= casting=",
    "where": "condition x= y=",
    "who": "vardict=",
    "zeros": "shape dtype= order=",
    "zeros_like": "a dtype= order= subok= shape=",
}

SPECIAL_METHODS = """
__abs__ __add__ __and__ __array__ __array_finalize__ __array_function__ __array_priority__
__array_ufunc__ __bool__ __bytes__ __class_getitem__ __complex__ __copy__ __cuda_array_interface__
__deepcopy__ __delitem__ __div__ __divmod__ __dlpack__ __dlpack_device__ __float__ __floordiv__
__getitem__ __hex__ __iadd__ __iand__ __idiv__ __ifloordiv__ __ilshift__ __imod__ __imul__ __int__
__invert__ __ior__ __ipow__ __irshift__ __isub__ __iter__ __itruediv__ __ixor__ __len__ __lshift__
__matmul__ __mod__ __module__ __mul__ __neg__ __oct__ __or__ __pos__ __pow__ __pyx_vtable__
__radd__ __rand__ __rdivmod__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__
__rpow__ __rrshift__ __rshift__ __rsub__ __rtruediv__ __rxor__ __setitem__ __slots__ __sub__
__truediv__ __xor__
"""

ATTRIBUTES = """
T base cstruct data device dtype flags flat imag itemsize mT nbytes ndim real shape size strides
"""

METHODS = {
    "all": "self axis= out= keepdims=",
    "any": "self axis= out= keepdims=",
    "argmax": "self axis= out= dtype= keepdims=",
    "argmin": "self axis= out= dtype= keepdims=",
    "argpartition": "self kth axis=",
    "argsort": "self axis= kind=",
    "astype": "self dtype order= casting= subok= copy=",
    "byteswap": "self inplace=",
    "choose": "self choices out= mode=",
    "clip": "self min= max= out=",
    "compress": "self condition axis= out=",
    "conj": "self",
    "conjugate": "self",
    "copy": "self order=",
    "cumprod": "self axis= dtype= out=",
    "cumsum": "self axis= dtype= out=",
    "diagonal": "self offset= axis1= axis2=",
    "dot": "self b out=",
    "dump": "self file",
    "dumps": "self",
    "fill": "self value",
    "flatten": "self order=",
    "get": "self stream= order= out= blocking=",
    "item": "self",
    "max": "self axis= out= keepdims=",
    "mdspan": "self * index_type allow_unsafe=",
    "mean": "self axis= dtype= out= keepdims=",
    "min": "self axis= out= keepdims=",
    "nonzero": "self",
    "partition": "self kth axis=",
    "prod": "self axis= dtype= out= keepdims=",
    "ptp": "self axis= out= keepdims=",
    "put": "self indices values mode=",
    "ravel": "self order=",
    "reduced_view": "self dtype=",
    "repeat": "self repeats axis=",
    "reshape": "self *shape order= copy=",
    "round": "self decimals= out=",
    "scatter_add": "self slices value",
    "scatter_max": "self slices value",
    "scatter_min": "self slices value",
    "searchsorted": "self v side= sorter=",
    "set": "self arr stream=",
    "sort": "self axis= kind=",
    "squeeze": "self axis=",
    "std": "self axis= dtype= out= ddof= keepdims=",
    "sum": "self axis= dtype= out= keepdims=",
    "swapaxes": "self axis1 axis2",
    "take": "self indices axis= out=",
    "toDlpack": "self",
    "tobytes": "self order=",
    "tofile": "self fid sep= format=",
    "tolist": "self",
    "trace": "self offset= axis1= axis2= dtype= out=",
    "transpose": "self *axes",
    "var": "self axis= dtype= out= ddof= keepdims=",
    "view": "self dtype= type=",
}

LINALG = {
    "cholesky": "a",
    "cond": "x p=",
    "cross": "x1 x2 / * axis=",
    "det": "a",
    "eig": "a",
    "eigh": "a UPLO=",
    "eigvals": "a",
    "eigvalsh": "a UPLO=",
    "inv": "a",
    "lstsq": "a b rcond=",
    "matrix_power": "M n",
    "matrix_rank": "M tol=",
    "matrix_transpose": "a",
    "norm": "x ord= axis= keepdims=",
    "pinv": "a rcond=",
    "qr": "a mode=",
    "slogdet": "a",
    "solve": "a b",
    "svd": "a full_matrices= compute_uv=",
    "tensorinv": "a ind=",
    "tensorsolve": "a b axes=",
}

FFT = {
    "fft": "a n= axis= norm=",
    "fft2": "a s= axes= norm=",
    "fftfreq": "n d=",
    "fftn": "a s= axes= norm=",
    "fftshift": "x axes=",
    "hfft": "a n= axis= norm=",
    "ifft": "a n= axis= norm=",
    "ifft2": "a s= axes= norm=",
    "ifftn": "a s= axes= norm=",
    "ifftshift": "x axes=",
    "ihfft": "a n= axis= norm=",
    "irfft": "a n= axis= norm=",
    "irfft2": "a s= axes= norm=",
    "irfftn": "a s= axes= norm=",
    "rfft": "a n= axis= norm=",
    "rfft2": "a s= axes= norm=",
    "rfftfreq": "n d=",
    "rfftn": "a s= axes= norm=",
}

STRIDE_TRICKS = {
    "as_strided": "x shape= strides=",
    "sliding_window_view": "x window_shape axis= * subok= writeable=",
}

GENERATOR = {
    "beta": "self a b size= dtype=",
    "binomial": "self n p size=",
    "chisquare": "self df size=",
    "dirichlet": "self alpha size=",
    "exponential": "self scale= size=",
    "f": "self dfnum dfden size=",
    "gamma": "self shape scale= size=",
    "geometric": "self p size=",
    "hypergeometric": "self ngood nbad nsample size=",
    "integers": "self low high= size= dtype= endpoint=",
    "logseries": "self p size=",
    "poisson": "self lam= size=",
    "power": "self a size=",
    "random": "self size= dtype= out=",
    "standard_exponential": "self size= dtype= method= out=",
    "standard_gamma": "self shape size= dtype= out=",
    "standard_normal": "self size= dtype= out=",
    "uniform": "self low= high= size= dtype=",
}

RANDOM = {
    "beta": "a b size= dtype=",
    "binomial": "n p size= dtype=",
    "bytes": "length",
    "chisquare": "df size= dtype=",
    "choice": "a size= replace= p=",
    "default_rng": "seed=",
    "dirichlet": "alpha size= dtype=",
    "exponential": "scale size= dtype=",
    "f": "dfnum dfden size= dtype=",
    "gamma": "shape scale= size= dtype=",
    "geometric": "p size= dtype=",
    "get_random_state": "",
    "gumbel": "loc= scale= size= dtype=",
    "hypergeometric": "ngood nbad nsample size= dtype=",
    "laplace": "loc= scale= size= dtype=",
    "logistic": "loc= scale= size= dtype=",
    "lognormal": "mean= sigma= size= dtype=",
    "logseries": "p size= dtype=",
    "multinomial": "n pvals size=",
    "multivariate_normal": "mean cov size= check_valid= tol= method= dtype=",
    "negative_binomial": "n p size= dtype=",
    "noncentral_chisquare": "df nonc size= dtype=",
    "noncentral_f": "dfnum dfden nonc size= dtype=",
    "normal": "loc= scale= size= dtype=",
    "pareto": "a size= dtype=",
    "permutation": "a",
    "poisson": "lam= size= dtype=",
    "power": "a size= dtype=",
    "rand": "*size **kwarg",
    "randint": "low high= size= dtype=",
    "randn": "*size **kwarg",
    "random": "size= dtype=",
    "random_integers": "low high= size=",
    "random_sample": "size= dtype=",
    "ranf": "size= dtype=",
    "rayleigh": "scale= size= dtype=",
    "reset_states": "",
    "sample": "size= dtype=",
    "seed": "seed=",
    "set_random_state": "rs",
    "shuffle": "a",
    "standard_cauchy": "size= dtype=",
    "standard_exponential": "size= dtype=",
    "standard_gamma": "shape size= dtype=",
    "standard_normal": "size= dtype=",
    "standard_t": "df size= dtype=",
    "triangular": "left mode right size= dtype=",
    "uniform": "low= high= size= dtype=",
    "vonmises": "mu kappa size= dtype=",
    "wald": "mean scale size= dtype=",
    "weibull": "a size= dtype=",
    "zipf": "a size= dtype=",
}

RANDOM_CLASSES = """
BitGenerator Generator MRG32k3a Philox4x3210 RandomState XORWOW
"""

CUDA = """
BaseMemory CFunctionAllocator Device Event ExternalStream Function Graph ManagedMemory Memory
MemoryAsync MemoryAsyncPool MemoryHook MemoryPointer MemoryPool Module PinnedMemory
PinnedMemoryPointer PinnedMemoryPool PythonFunctionAllocator Stream UnownedMemory alloc
alloc_pinned_memory common compiler contextlib cub device driver function get_allocator
get_cublas_handle get_cuda_path get_current_stream get_device_id get_elapsed_time get_hipcc_path
get_local_runtime_version get_nvcc_path get_rocm_path graph is_available malloc_async
malloc_managed memory memory_hook memory_hooks nvrtc nvtx pinned_memory profile profiler runtime
set_allocator set_pinned_memory_allocator stream texture thrust using_allocator warnings
"""

RUNTIME = """
CUDARuntimeError MemPoolProps PointerAttributes check_status createSurfaceObject
createTextureObject destroySurfaceObject destroyTextureObject deviceCanAccessPeer
deviceDisablePeerAccess deviceEnablePeerAccess deviceGetAttribute deviceGetByPCIBusId
deviceGetDefaultMemPool deviceGetLimit deviceGetMemPool deviceGetPCIBusId deviceSetLimit
deviceSetMemPool deviceSynchronize driverGetVersion eventCreate eventCreateWithFlags eventDestroy
eventElapsedTime eventQuery eventRecord eventSynchronize free freeArray freeAsync freeHost
getDevice getDeviceCount getDeviceProperties graphDebugDotPrint graphDestroy graphExecDestroy
graphInstantiate graphLaunch graphUpload hostAlloc hostRegister hostUnregister ipcCloseMemHandle
ipcGetEventHandle ipcGetMemHandle ipcOpenEventHandle ipcOpenMemHandle launchHostFunc malloc
malloc3DArray mallocArray mallocAsync mallocFromPoolAsync mallocManaged memAdvise memGetInfo
memPoolCreate memPoolDestroy memPoolGetAttribute memPoolSetAttribute memPoolTrimTo memPrefetchAsync
memcpy memcpy2D memcpy2DAsync memcpy2DFromArray memcpy2DFromArrayAsync memcpy2DToArray
memcpy2DToArrayAsync memcpy3D memcpy3DAsync memcpyAsync memcpyPeer memcpyPeerAsync memset
memsetAsync pointerGetAttributes pointerGetMemoryType profilerStart profilerStop runtimeGetVersion
setDevice streamAddCallback streamBeginCapture streamCreate streamCreateWithFlags
streamCreateWithPriority streamDestroy streamEndCapture streamGetFlags streamGetPriority
streamIsCapturing streamQuery streamSynchronize streamWaitEvent
"""

STREAM = """
add_callback begin_capture done end_capture from_external is_capturing is_non_blocking
launch_host_func null priority ptds record synchronize use wait_event
"""

CUPYX = """
DeviceSynchronized GeneralizedUFunc allow_synchronize empty_like_pinned empty_pinned errstate
get_runtime_info geterr linalg optimizing profiler rsqrt scatter_add scatter_max scatter_min scipy
seterr time zeros_like_pinned zeros_pinned
"""
