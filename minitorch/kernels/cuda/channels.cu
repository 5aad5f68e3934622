// Batch norm: each channel brought to mean 0 and variance 1, and the sums that its gradient takes.
//
//     x̂ = (x - μ) r,   r = 1 / √(σ² + ε),   y = w x̂ + b
//     db = Σ g,   dw = Σ g x̂,   dx = w r (g - db / M - x̂ dw / M)
//
// The M numbers of a channel are too many for one block. So they are cut into slices; every block
// adds up one slice and writes what it found, and then one block for each channel adds up those.
// Nothing depends on which block is first, so the result is the same each time.

const int THREADS = 256, LANES = 32;  // a block is LANES wide and THREADS / LANES high

struct Channels {
    int64 N, C, S;        // images, channels, places: M = N S
    int64 last;           // do the channels lie last? then a block takes LANES of them at once
    int64 slice, slices;  // how many numbers of a channel a block adds up, and how many blocks that is
    int64 row;            // numbers that share one μ and r, next to each other; 0: each channel has its own
};

// Where number m of channel c lies: (N, C, S) or (N, S, C).
__device__ I place(const Channels& w, I m, I c) {
    return w.last ? m * (I)w.C + c : (m / (I)w.S * (I)w.C + c) * (I)w.S + m % (I)w.S;
}

struct Slice {  // what a thread adds up: every step-th number from begin to end of a channel
    I c, begin, end, step;
    I j, count;  // the number of the slice, and of what is in it
    bool leads;  // is it the thread that writes the sum?
};

__device__ Slice slice_of(const Channels& w) {
    const I groups = w.last ? (w.C + LANES - 1) / LANES : w.C;
    const I j = blockIdx.x / groups, group = blockIdx.x % groups;
    const int t = threadIdx.y * LANES + threadIdx.x;
    const I lane = w.last ? (I)threadIdx.y : (I)t, M = w.N * w.S;
    Slice s;
    s.j = j;
    s.c = w.last ? group * LANES + (I)threadIdx.x : group;
    s.step = w.last ? THREADS / LANES : THREADS;
    s.begin = j * (I)w.slice + lane;
    s.end = (j + 1) * (I)w.slice < M ? (j + 1) * (I)w.slice : M;
    s.count = s.end - j * (I)w.slice;
    s.leads = lane == 0 && s.c < w.C;
    if (s.c >= w.C) s.end = s.begin;
    return s;
}

// The sum over the threads of a block; with the channels last over those of the same lane.
// Half of the threads add what the other half has, then a quarter, and so on.
__device__ A total(A value, bool last) {
    __shared__ A sums[THREADS];
    const int t = threadIdx.y * LANES + threadIdx.x;
    sums[t] = value;
    __syncthreads();
    for (int half = THREADS / 2; half >= (last ? LANES : 1); half /= 2) {
        if (t < half) sums[t] += sums[t + half];
        __syncthreads();
    }
    const A found = sums[last ? threadIdx.x : 0];
    __syncthreads();
    return found;
}

// The mean of each slice, and Σ (x - mean)²: found[0, j, c] and found[1, j, c].
extern "C" __global__ void moments(const T* x, A* found, const Channels w) {
    const Slice s = slice_of(w);
    A sum = 0;
    for (I m = s.begin; m < s.end; m += s.step) sum += (A)x[place(w, m, s.c)];
    const A mean = total(sum, w.last) / (A)s.count;
    A squares = 0;
    for (I m = s.begin; m < s.end; m += s.step) {
        const A d = (A)x[place(w, m, s.c)] - mean;
        squares += d * d;
    }
    squares = total(squares, w.last);
    if (s.leads) {
        found[s.j * (I)w.C + s.c] = mean;
        found[((I)w.slices + s.j) * (I)w.C + s.c] = squares;
    }
}

// From those, μ, r and σ² of each channel; a block has one channel.
extern "C" __global__ void join_moments(const A* found, A* mu, A* r, A* variance, const Channels w,
                                        double eps) {
    const I c = blockIdx.x, M = w.N * w.S, C = w.C, slices = w.slices;
    const I t = threadIdx.y * LANES + threadIdx.x;
    A sum = 0, squares = 0;
    for (I j = t; j < slices; j += THREADS) {
        const I n = (j + 1) * (I)w.slice < M ? (I)w.slice : M - j * (I)w.slice;
        sum += (A)n * found[j * C + c];
    }
    const A mean = total(sum, false) / (A)M;
    for (I j = t; j < slices; j += THREADS) {
        const I n = (j + 1) * (I)w.slice < M ? (I)w.slice : M - j * (I)w.slice;
        const A d = found[j * C + c] - mean;
        squares += found[(slices + j) * C + c] + (A)n * d * d;
    }
    squares = total(squares, false) / (A)M;
    if (t == 0) {
        mu[c] = mean;
        variance[c] = squares;
        r[c] = 1 / sqrt(squares + (A)eps);
    }
}

// running += momentum (batch - running), unless some channel of the batch is not finite. One block.
extern "C" __global__ void move_running(T* running_mean, T* running_var, const A* mu,
                                        const A* variance, int64 C, double momentum,
                                        double unbiased) {
    const I t = threadIdx.y * LANES + threadIdx.x;
    A bad = 0;
    for (I c = t; c < C; c += THREADS) {
        if (!isfinite(mu[c]) || !isfinite(variance[c] * (A)unbiased)) bad += 1;
    }
    if (total(bad, false) > 0) return;
    for (I c = t; c < C; c += THREADS) {
        const A mean = running_mean[c], var = running_var[c];
        running_mean[c] = T(mean + (A)momentum * (mu[c] - mean));
        running_var[c] = T(var + (A)momentum * (variance[c] * (A)unbiased - var));
    }
}

// y = w (x - μ) r + b
extern "C" __global__ void scale_channels(const T* x, const A* mu, const A* r, const T* weight,
                                          const T* bias, T* y, const Channels w) {
    const I size = w.N * w.C * w.S, step = gridDim.x * (I)blockDim.x, C = w.C, S = w.S;
    for (I i = blockIdx.x * (I)blockDim.x + threadIdx.x; i < size; i += step) {
        const I c = w.last ? i % C : i / S % C;
        const A scale = weight ? r[c] * (A)weight[c] : r[c];
        const A d = ((A)x[i] - mu[c]) * scale;
        y[i] = T(bias ? d + (A)bias[c] : d);
    }
}

// Σ g and Σ g x̂ of each slice: found[0, j, c] and found[1, j, c].
extern "C" __global__ void gradient_sums(const T* g, const T* x, const A* mu, const A* r, A* found,
                                         const Channels w) {
    const Slice s = slice_of(w);
    const I row = w.row;
    A along_1 = 0, along_x = 0;
    for (I m = s.begin; m < s.end; m += s.step) {
        const I at = place(w, m, s.c), k = row ? at / row : s.c;
        const A here = g[at], d = mu ? (A)x[at] - mu[k] : (A)x[at];
        along_1 += here;
        along_x += here * d * r[k];
    }
    along_1 = total(along_1, w.last);
    along_x = total(along_x, w.last);
    if (s.leads) {
        found[s.j * (I)w.C + s.c] = along_1;
        found[((I)w.slices + s.j) * (I)w.C + s.c] = along_x;
    }
}

// From those, db and dw: sums[0, c] and sums[1, c]; a block has one channel.
extern "C" __global__ void join_sums(const A* found, A* sums, const Channels w) {
    const I c = blockIdx.x, C = w.C, slices = w.slices;
    A along_1 = 0, along_x = 0;
    for (I j = threadIdx.y * LANES + threadIdx.x; j < slices; j += THREADS) {
        along_1 += found[j * C + c];
        along_x += found[(slices + j) * C + c];
    }
    along_1 = total(along_1, false);
    along_x = total(along_x, false);
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        sums[c] = along_1;
        sums[C + c] = along_x;
    }
}

// dx = w r (g - db / M - x̂ dw / M)
extern "C" __global__ void channels_gradient(const T* g, const T* x, const A* mu, const A* r,
                                             const T* weight, const A* sums, T* dx,
                                             const Channels w) {
    const I size = w.N * w.C * w.S, step = gridDim.x * (I)blockDim.x, C = w.C, S = w.S;
    const A M = (A)(w.N * w.S);
    for (I i = blockIdx.x * (I)blockDim.x + threadIdx.x; i < size; i += step) {
        const I c = w.last ? i % C : i / S % C;
        const A xhat = ((A)x[i] - mu[c]) * r[c], scale = weight ? r[c] * (A)weight[c] : r[c];
        dx[i] = T(scale * ((A)g[i] - (sums[c] + xhat * sums[C + c]) / M));
    }
}
