// Norms over each example: rows of numbers brought to mean 0 and variance 1, each by itself.
//
//     x̂ = (x - μ) r,   r = 1 / √(σ² + ε),   y = w x̂ + b
//     dx = r (v - mean v - x̂ mean(v x̂)),   v = w g
//
// A block is LANES wide and THREADS / LANES high: the threads of a line share a row. Rows lie next to
// each other, `width` numbers each. Number i of a row has the weight (row % P) Q + i / S, which is i
// for layer norm (P = 1, S = 1), and the channel for group norm (P groups of Q channels of S places).

const int THREADS = 256;

struct Rows {
    int64 rows, width;
    int64 P, Q, S;
    int64 center;  // is μ taken out? else it is 0
};

// The sum over the threads that share a row.
__device__ A total(A value) {
    __shared__ A sums[THREADS];
    const int lanes = blockDim.x, t = threadIdx.y * lanes + threadIdx.x;
    sums[t] = value;
    __syncthreads();
    for (int half = lanes / 2; half > 0; half /= 2) {
        if ((int)threadIdx.x < half) sums[t] += sums[t + half];
        __syncthreads();
    }
    const A found = sums[threadIdx.y * lanes];
    __syncthreads();
    return found;
}

// The row of a thread. One beyond the last has no numbers, but waits with the others.
__device__ I row_of(const Rows& w, I& width) {
    const I row = blockIdx.x * (I)blockDim.y + threadIdx.y;
    width = row < w.rows ? w.width : 0;
    return row;
}

__device__ I weight_of(const Rows& w, I row, I i) {
    return row % (I)w.P * (I)w.Q + i / (I)w.S;
}

extern "C" __global__ void standardize_rows(const T* x, const T* weight, const T* bias, T* y, A* mu,
                                            A* r, const Rows w, double eps) {
    I width;
    const I row = row_of(w, width), n = w.width;
    x += row * n;
    y += row * n;
    A mean = 0;
    if (w.center) {
        A sum = 0;
        for (I i = threadIdx.x; i < width; i += blockDim.x) sum += (A)x[i];
        mean = total(sum) / (A)n;
    }
    A squares = 0;
    for (I i = threadIdx.x; i < width; i += blockDim.x) {
        const A d = (A)x[i] - mean;
        squares += d * d;
    }
    const A rate = 1 / sqrt(total(squares) / (A)n + (A)eps);
    for (I i = threadIdx.x; i < width; i += blockDim.x) {
        A value = ((A)x[i] - mean) * rate;
        if (weight) value *= (A)weight[weight_of(w, row, i)];
        if (bias) value += (A)bias[weight_of(w, row, i)];
        y[i] = T(value);
    }
    if (threadIdx.x == 0 && width) {
        if (w.center) mu[row] = mean;
        r[row] = rate;
    }
}

extern "C" __global__ void rows_gradient(const T* g, const T* x, const T* weight, const A* mu,
                                         const A* r, T* dx, const Rows w) {
    I width;
    const I row = row_of(w, width), n = w.width;
    g += row * n;
    x += row * n;
    const A mean = width && w.center ? mu[row] : (A)0, rate = width ? r[row] : (A)0;
    A along_1 = 0, along_x = 0;
    for (I i = threadIdx.x; i < width; i += blockDim.x) {
        A v = g[i];
        if (weight) v *= (A)weight[weight_of(w, row, i)];
        along_1 += v;
        along_x += v * (((A)x[i] - mean) * rate);
    }
    along_1 = w.center ? total(along_1) / (A)n : 0;
    along_x = total(along_x) / (A)n;
    for (I i = threadIdx.x; i < width; i += blockDim.x) {
        A v = g[i];
        if (weight) v *= (A)weight[weight_of(w, row, i)];
        dx[row * n + i] = T(rate * (v - along_1 - ((A)x[i] - mean) * rate * along_x));
    }
}
