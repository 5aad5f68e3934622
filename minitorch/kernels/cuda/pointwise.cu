// Functions of one number at a time, each in one pass where NumPy's words take ten.

// y = x Φ(x),  Φ(x) = (1 + erf(x / √2)) / 2
extern "C" __global__ void gelu(const T* x, T* y, int64 size) {
    const A root_half = 0.70710678118654752440;
    const int64 step = gridDim.x * (int64)blockDim.x;
    for (int64 i = blockIdx.x * (int64)blockDim.x + threadIdx.x; i < size; i += step) {
        const A v = x[i];
        y[i] = T(v * (A)0.5 * (1 + erf(v * root_half)));
    }
}

// dx = g (Φ(x) + x φ(x)),  φ(x) = e^(-x² / 2) / √(2π)
extern "C" __global__ void gelu_gradient(const T* g, const T* x, T* dx, int64 size) {
    const A root_half = 0.70710678118654752440, density_at_0 = 0.39894228040143267794;
    const int64 step = gridDim.x * (int64)blockDim.x;
    for (int64 i = blockIdx.x * (int64)blockDim.x + threadIdx.x; i < size; i += step) {
        const A v = x[i], phi = (A)0.5 * (1 + erf(v * root_half));
        dx[i] = T((A)g[i] * (phi + v * density_at_0 * exp(v * v * (A)-0.5)));
    }
}

// Φ as (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u)),  u = √(2/π) (x + 0.044715 x³)
__device__ A bent(A x, A& slope_of_2u) {
    const A root = 1.59576912160573071176, cubic = 0.044715;  // 2 √(2/π)
    slope_of_2u = root * (1 + 3 * cubic * x * x);
    return 1 / (1 + exp(-root * (x + cubic * x * x * x)));
}

extern "C" __global__ void gelu_tanh(const T* x, T* y, int64 size) {
    const int64 step = gridDim.x * (int64)blockDim.x;
    for (int64 i = blockIdx.x * (int64)blockDim.x + threadIdx.x; i < size; i += step) {
        A slope;
        const A v = x[i];
        y[i] = T(v * bent(v, slope));
    }
}

// dx = g (s + x s (1 - s) 2u'),  s the sigmoid of 2u
extern "C" __global__ void gelu_tanh_gradient(const T* g, const T* x, T* dx, int64 size) {
    const int64 step = gridDim.x * (int64)blockDim.x;
    for (int64 i = blockIdx.x * (int64)blockDim.x + threadIdx.x; i < size; i += step) {
        A slope;
        const A v = x[i], s = bent(v, slope);
        dx[i] = T((A)g[i] * (s + v * s * (1 - s) * slope));
    }
}
