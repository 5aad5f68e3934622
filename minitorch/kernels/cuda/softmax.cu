// Softmax, log-softmax and cross-entropy, with their gradients: one kernel each.
//
// The numbers that share a sum are a row: C of them, S apart, so that any axis can be summed over.
//
//     x: (N, C, S)    row = n S + s,  number c of it at (n C + c) S + s
//
// A block is blockDim.x wide and blockDim.y high. The threads of a line share a row, and each takes
// every blockDim.x-th number of it. Where S > 1, neighbouring rows are neighbours in memory: then a
// line is one thread wide, and reads next to the others.

const int THREADS = 256;

struct Rows {
    int64 rows, C, S;
};

struct Row {
    I number, begin, step, C;  // C is 0 for a thread beyond the last row: it only waits
};

__device__ Row row_of(const Rows& w) {
    const I row = blockIdx.x * (I)blockDim.y + threadIdx.y, S = w.S;
    return {row, row / S * (I)w.C * S + row % S, S, row < w.rows ? (I)w.C : (I)0};
}

// The sum, or with `largest` the maximum, over the threads that share a row.
__device__ A joined(A value, bool largest) {
    __shared__ A values[THREADS];
    const int lanes = blockDim.x, t = threadIdx.y * lanes + threadIdx.x;
    values[t] = value;
    __syncthreads();
    for (int half = lanes / 2; half > 0; half /= 2) {
        if ((int)threadIdx.x < half) {
            const A other = values[t + half];
            values[t] = largest ? (values[t] < other ? other : values[t]) : values[t] + other;
        }
        __syncthreads();
    }
    const A found = values[threadIdx.y * lanes];
    __syncthreads();
    return found;
}

__device__ A largest_of(const T* x, const Row& row) {
    A most = -1.0 / 0.0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const A v = x[row.begin + c * row.step];
        most = most < v ? v : most;
    }
    return joined(most, true);
}

// y = e^(x - max x) / Σ
extern "C" __global__ void softmax(const T* x, T* y, const Rows w) {
    const Row row = row_of(w);
    const A most = largest_of(x, row);
    A sum = 0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        sum += exp((A)x[row.begin + c * row.step] - most);
    }
    sum = joined(sum, false);
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        y[at] = T(exp((A)x[at] - most) / sum);
    }
}

// dx = y (g - Σ g y)
extern "C" __global__ void softmax_gradient(const T* g, const T* y, T* dx, const Rows w) {
    const Row row = row_of(w);
    A sum = 0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        sum += (A)g[at] * (A)y[at];
    }
    sum = joined(sum, false);
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        dx[at] = T((A)y[at] * ((A)g[at] - sum));
    }
}

// y = x - max x - log Σ e^(x - max x)
extern "C" __global__ void log_softmax(const T* x, T* y, const Rows w) {
    const Row row = row_of(w);
    const A most = largest_of(x, row);
    A sum = 0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        sum += exp((A)x[row.begin + c * row.step] - most);
    }
    const A logarithm = log(joined(sum, false));
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        y[at] = T((A)x[at] - most - logarithm);
    }
}

// dx = g - e^y Σ g
extern "C" __global__ void log_softmax_gradient(const T* g, const T* y, T* dx, const Rows w) {
    const Row row = row_of(w);
    A sum = 0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) sum += (A)g[row.begin + c * row.step];
    sum = joined(sum, false);
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        dx[at] = T((A)g[at] - exp((A)y[at]) * sum);
    }
}

// How many labels are neither classes nor ignored, times N + 1, plus how many are not ignored.
extern "C" __global__ void look_at_labels(const int64* labels, int64* found, int64 N, int64 C,
                                          int64 ignored) {
    __shared__ int64 sums[THREADS];  // one block looks at all of them
    const int t = threadIdx.x;
    int64 sum = 0;
    for (int64 i = t; i < N; i += THREADS) {
        const int64 label = labels[i];
        const bool used = label != ignored, bad = used && (label < 0 || label >= C);
        sum += bad * (N + 1) + used;
    }
    sums[t] = sum;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (t < half) sums[t] += sums[t + half];
        __syncthreads();
    }
    if (t == 0) *found = sums[0];
}

// l = log Σ e^x - x_t for the label t of each row; e = e^(x - max x) and its sum are kept.
extern "C" __global__ void labels_loss(const T* x, const int64* labels, T* loss, T* e, T* total,
                                       const Rows w) {
    const Row row = row_of(w);
    const A most = largest_of(x, row);
    A sum = 0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        const A here = exp((A)x[at] - most);
        e[at] = T(here);
        sum += here;
    }
    sum = joined(sum, false);
    if (threadIdx.x == 0 && row.C) {
        const I t = labels[row.number];
        total[row.number] = T(sum);
        loss[row.number] = T(log(sum) - ((A)x[row.begin + t * row.step] - most));
    }
}

// dx = s (e / total - [c = t]); s is one number for all rows, or one for each.
extern "C" __global__ void labels_gradient(const T* s, const T* e, const T* total,
                                           const int64* labels, T* dx, const Rows w, int64 s_step) {
    const Row row = row_of(w);
    if (!row.C) return;
    const A scale = s[row.number * s_step], share = scale / (A)total[row.number];
    const I t = labels[row.number];
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        dx[at] = T((A)e[at] * share - (c == t ? scale : (A)0));
    }
}

// l = Σ a (log Σ e^x - x) for the shares a of each row's classes; e and its sum are kept as above.
extern "C" __global__ void shares_loss(const T* x, const T* a, T* loss, T* e, T* total,
                                       const Rows w) {
    const Row row = row_of(w);
    const A most = largest_of(x, row);
    A sum = 0, l = 0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        const A here = exp((A)x[at] - most);
        e[at] = T(here);
        sum += here;
    }
    sum = joined(sum, false);
    const A logarithm = log(sum);
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        const A share = a[at];
        if (share != 0) l += share * (logarithm - ((A)x[at] - most));  // 0 log 0 is 0
    }
    l = joined(l, false);
    if (threadIdx.x == 0 && row.C) {
        total[row.number] = T(sum);
        loss[row.number] = T(l);
    }
}

// dx = s (e / total Σ a - a); s is one number for all rows, or one for each.
extern "C" __global__ void shares_gradient(const T* s, const T* e, const T* total, const T* a,
                                           T* dx, const Rows w, int64 s_step) {
    const Row row = row_of(w);
    A sum = 0;
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) sum += (A)a[row.begin + c * row.step];
    sum = joined(sum, false);
    if (!row.C) return;
    const A scale = s[row.number * s_step], share = scale * sum / (A)total[row.number];
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) {
        const I at = row.begin + c * row.step;
        dx[at] = T((A)e[at] * share - scale * (A)a[at]);
    }
}

// y = [c = t], for the label t of each row
extern "C" __global__ void marked(const int64* labels, T* y, const Rows w) {
    const Row row = row_of(w);
    if (!row.C) return;
    const I t = labels[row.number];
    for (I c = threadIdx.x; c < row.C; c += blockDim.x) y[row.begin + c * row.step] = T(c == t);
}
