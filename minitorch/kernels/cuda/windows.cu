// im2col and its adjoint, col2im: every window of an image as a column, and added back.
//
//     image, S = 5, padded by 1          windows: K = 3 places each, stride 2, L = 3 of them
//
//     place i  -1  0  1  2  3  4  5      l = 0:  i = -1  0  1
//               0  a  b  c  d  e  0      l = 1:  i =  1  2  3
//                                        l = 2:  i =  3  4  5
//
//     Place k of window l is place  i = l stride + k dilation - pad  of the image, 0 outside of it.
//
// There are three such axes; an image with fewer has axes of size 1 in front. Where a number lies is
// told by steps, how many elements further in memory the next one along an axis is: so an image may
// have its channels first or last, and the columns any of their layouts.

struct Windows {
    int64 N, C;                            // images, channels
    int64 S[3], K[3], L[3];                // sizes of the image and of the kernel, numbers of windows
    int64 stride[3], pad[3], dilation[3];
    int64 x_n, x_c, x_s[3];                // steps of the image
    int64 cols_n, cols_c, cols_k, cols_l;  // steps of the columns
    int64 last;                            // do the channels of a column lie next to each other?
};

// Which image, channel and place a thread works on: neighbouring threads on neighbouring numbers.
__device__ void divide(I t, I C, I places, bool last, I& n, I& c, I& place) {
    if (last) {
        c = t % C;
        place = t / C % places;
    } else {
        place = t % places;
        c = t / places % C;
    }
    n = t / (C * places);
}

// A thread takes one window of one channel, and walks its places.
extern "C" __global__ void im2col(const T* x, T* cols, const Windows w) {
    const I L1 = w.L[1], L2 = w.L[2], L = w.L[0] * L1 * L2, C = w.C, total = w.N * C * L;
    const I S0 = w.S[0], S1 = w.S[1], S2 = w.S[2];
    const I step = gridDim.x * (I)blockDim.x;
    for (I t = blockIdx.x * (I)blockDim.x + threadIdx.x; t < total; t += step) {
        I n, c, l;
        divide(t, C, L, w.last, n, c, l);
        const I i0 = l / (L1 * L2) * w.stride[0] - w.pad[0];  // where the window begins
        const I i1 = l / L2 % L1 * w.stride[1] - w.pad[1];
        const I i2 = l % L2 * w.stride[2] - w.pad[2];
        const T* from = x + n * w.x_n + c * w.x_c;
        T* to = cols + n * w.cols_n + c * w.cols_c + l * w.cols_l;
        for (I k0 = 0; k0 < w.K[0]; k0++) {
            const I j0 = i0 + k0 * w.dilation[0];
            const bool in0 = 0 <= j0 && j0 < S0;
            for (I k1 = 0; k1 < w.K[1]; k1++) {
                const I j1 = i1 + k1 * w.dilation[1];
                const bool in1 = in0 && 0 <= j1 && j1 < S1;
                for (I k2 = 0; k2 < w.K[2]; k2++) {
                    const I j2 = i2 + k2 * w.dilation[2];
                    const bool inside = in1 && 0 <= j2 && j2 < S2;
                    *to = inside ? from[j0 * w.x_s[0] + j1 * w.x_s[1] + j2 * w.x_s[2]] : T(0);
                    to += w.cols_k;
                }
            }
        }
    }
}

// The window whose place k is place i of the image, or -1: l = (i + pad - k dilation) / stride.
__device__ I window_of(I i, I k, I stride, I pad, I dilation, I L) {
    const I at = i + pad - k * dilation;
    if (at < 0 || at % stride) return -1;
    const I l = at / stride;
    return l < L ? l : -1;
}

// A thread takes one number of the image, and collects what every window that holds it has for it.
// So no two threads write to the same place, and the sum is the same each time.
extern "C" __global__ void col2im(const T* cols, T* x, const Windows w) {
    const I S1 = w.S[1], S2 = w.S[2], S = w.S[0] * S1 * S2, C = w.C, total = w.N * C * S;
    const I L0 = w.L[0], L1 = w.L[1], L2 = w.L[2];
    const I step = gridDim.x * (I)blockDim.x;
    for (I t = blockIdx.x * (I)blockDim.x + threadIdx.x; t < total; t += step) {
        I n, c, i;
        divide(t, C, S, w.last, n, c, i);
        const I i0 = i / (S1 * S2), i1 = i / S2 % S1, i2 = i % S2;
        const T* from = cols + n * w.cols_n + c * w.cols_c;
        A sum = 0;
        for (I k0 = 0; k0 < w.K[0]; k0++) {
            const I l0 = window_of(i0, k0, w.stride[0], w.pad[0], w.dilation[0], L0);
            if (l0 < 0) continue;
            for (I k1 = 0; k1 < w.K[1]; k1++) {
                const I l1 = window_of(i1, k1, w.stride[1], w.pad[1], w.dilation[1], L1);
                if (l1 < 0) continue;
                for (I k2 = 0; k2 < w.K[2]; k2++) {
                    const I l2 = window_of(i2, k2, w.stride[2], w.pad[2], w.dilation[2], L2);
                    if (l2 < 0) continue;
                    const I k = (k0 * w.K[1] + k1) * w.K[2] + k2, l = (l0 * L1 + l1) * L2 + l2;
                    sum += (A)from[k * w.cols_k + l * w.cols_l];
                }
            }
        }
        x[n * w.x_n + c * w.x_c + i0 * w.x_s[0] + i1 * w.x_s[1] + i2 * w.x_s[2]] = T(sum);
    }
}

// Pools: one number for every window. A window has one column then, and its steps are those of y.

struct Corner {  // where a thread's window begins
    const T* from;
    I i0, i1, i2, out;  // and where its number goes
};

__device__ Corner corner_of(const T* x, const Windows& w, I t) {
    const I L1 = w.L[1], L2 = w.L[2], L = w.L[0] * L1 * L2;
    I n, c, l;
    divide(t, (I)w.C, L, w.last, n, c, l);
    return {x + n * w.x_n + c * w.x_c, (I)(l / (L1 * L2) * w.stride[0] - w.pad[0]),
            (I)(l / L2 % L1 * w.stride[1] - w.pad[1]), (I)(l % L2 * w.stride[2] - w.pad[2]),
            (I)(n * w.cols_n + c * w.cols_c + l * w.cols_l)};
}

// Place k of the window: is it inside the image? Then v is the number there.
__device__ bool look(const Corner& at, const Windows& w, I k, A& v) {
    const I K1 = w.K[1], K2 = w.K[2];
    const I j0 = at.i0 + k / (K1 * K2) * w.dilation[0], j1 = at.i1 + k / K2 % K1 * w.dilation[1];
    const I j2 = at.i2 + k % K2 * w.dilation[2];
    if (j0 < 0 || j0 >= w.S[0] || j1 < 0 || j1 >= w.S[1] || j2 < 0 || j2 >= w.S[2]) return false;
    v = at.from[j0 * w.x_s[0] + j1 * w.x_s[1] + j2 * w.x_s[2]];
    return true;
}

extern "C" __global__ void max_pool(const T* x, T* y, const Windows w) {
    const I K = w.K[0] * w.K[1] * w.K[2], total = w.N * w.C * w.L[0] * w.L[1] * w.L[2];
    const I step = gridDim.x * (I)blockDim.x;
    for (I t = blockIdx.x * (I)blockDim.x + threadIdx.x; t < total; t += step) {
        const Corner at = corner_of(x, w, t);
        A most = -1.0 / 0.0, v;
        for (I k = 0; k < K; k++) {
            if (look(at, w, k, v) && !(v <= most)) most = v;  // a nan wins, and no number over it
            if (isnan(most)) break;
        }
        y[at.out] = T(most);
    }
}

// The first place of each window that holds its maximum y; the last one where none does.
extern "C" __global__ void max_pool_winner(const T* x, const T* y, unsigned char* winner,
                                           const Windows w) {
    const I K = w.K[0] * w.K[1] * w.K[2], total = w.N * w.C * w.L[0] * w.L[1] * w.L[2];
    const I step = gridDim.x * (I)blockDim.x;
    for (I t = blockIdx.x * (I)blockDim.x + threadIdx.x; t < total; t += step) {
        const Corner at = corner_of(x, w, t);
        const A most = isnan((A)y[at.out]) ? (A)(1.0 / 0.0) : (A)y[at.out];
        A v;
        I k = 0;
        while (k < K - 1 && !(look(at, w, k, v) && !(v < most))) k++;
        winner[at.out] = k;
    }
}

// y = what the winner of each window holds
extern "C" __global__ void max_pool_pick(const T* x, const unsigned char* winner, T* y,
                                         const Windows w) {
    const I total = w.N * w.C * w.L[0] * w.L[1] * w.L[2], step = gridDim.x * (I)blockDim.x;
    for (I t = blockIdx.x * (I)blockDim.x + threadIdx.x; t < total; t += step) {
        const Corner at = corner_of(x, w, t);
        A v;
        y[at.out] = look(at, w, winner[at.out], v) ? T(v) : T(0);
    }
}

extern "C" __global__ void sum_pool(const T* x, T* y, const Windows w) {
    const I K = w.K[0] * w.K[1] * w.K[2], total = w.N * w.C * w.L[0] * w.L[1] * w.L[2];
    const I step = gridDim.x * (I)blockDim.x;
    for (I t = blockIdx.x * (I)blockDim.x + threadIdx.x; t < total; t += step) {
        const Corner at = corner_of(x, w, t);
        A sum = 0, v;
        for (I k = 0; k < K; k++) {
            if (look(at, w, k, v)) sum += v;
        }
        y[at.out] = T(sum);
    }
}

// Back from the windows: x = Σ g over the windows that hold it; with winners, those that it wins.
extern "C" __global__ void spread(const T* g, const unsigned char* winner, T* x, const Windows w) {
    const I S1 = w.S[1], S2 = w.S[2], S = w.S[0] * S1 * S2, C = w.C, total = w.N * C * S;
    const I L0 = w.L[0], L1 = w.L[1], L2 = w.L[2], step = gridDim.x * (I)blockDim.x;
    for (I t = blockIdx.x * (I)blockDim.x + threadIdx.x; t < total; t += step) {
        I n, c, i;
        divide(t, C, S, w.last, n, c, i);
        const I i0 = i / (S1 * S2), i1 = i / S2 % S1, i2 = i % S2;
        const I from = n * w.cols_n + c * w.cols_c;
        A sum = 0;
        for (I k0 = 0; k0 < w.K[0]; k0++) {
            const I l0 = window_of(i0, k0, w.stride[0], w.pad[0], w.dilation[0], L0);
            if (l0 < 0) continue;
            for (I k1 = 0; k1 < w.K[1]; k1++) {
                const I l1 = window_of(i1, k1, w.stride[1], w.pad[1], w.dilation[1], L1);
                if (l1 < 0) continue;
                for (I k2 = 0; k2 < w.K[2]; k2++) {
                    const I l2 = window_of(i2, k2, w.stride[2], w.pad[2], w.dilation[2], L2);
                    if (l2 < 0) continue;
                    const I at = from + ((l0 * L1 + l1) * L2 + l2) * w.cols_l;
                    const I k = (k0 * w.K[1] + k1) * w.K[2] + k2;
                    if (!winner || winner[at] == k) sum += (A)g[at];
                }
            }
        }
        x[n * w.x_n + c * w.x_c + i0 * w.x_s[0] + i1 * w.x_s[1] + i2 * w.x_s[2]] = T(sum);
    }
}
