// A step of an optimizer, or what comes before it, for many tensors in one launch.
//
// A table travels with the launch: where the arrays of each tensor lie, how many elements they have,
// and which block is the first of each. A block finds its tensor in it, and moves CHUNK elements:
//
//     tensor       0: 9,000 elements             1: 100     2: 5,000
//     block        0        1        2           3          4        5
//     elements     0..4095  4096..   8192..8999  0..99      0..4095  4096..4999
//     first        0                             3          4                      6
//
// `at` holds for each tensor `width` numbers: the addresses of p, of g and of the buffers, and how
// many elements each of them has.

const int MOST = 128, SLOTS = 410, CHUNK = 4096;  // 4 KB may travel with a launch

struct Table {
    int tensors, width;
    int first[MOST + 1];
    int unused;
    int64 at[SLOTS];
};

struct Part {  // what a block works on
    const int64* at;
    int64 begin, end;
    __device__ T* array(int i) const { return (T*)at[i]; }
};

__device__ Part part_of(const Table& table) {
    int low = 0, high = table.tensors;  // the tensor is one of low .. high-1
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (table.first[middle] <= (int)blockIdx.x) low = middle;
        else high = middle;
    }
    const int64* at = table.at + low * table.width;
    const int64 begin = ((int)blockIdx.x - table.first[low]) * (int64)CHUNK;
    const int64 size = at[table.width - 1];
    return {at, begin, begin + CHUNK < size ? begin + CHUNK : size};
}

// Weight decay: as a penalty, whose slope goes with g, or by itself, p shrunk by lr times it.
struct Decay {
    double sign, penalty, shrink;  // g times ±1, plus penalty p; p times shrink
};

__device__ A descent(A g, A p, const Decay& decay) {
    g *= (A)decay.sign;
    return decay.penalty == 0 ? g : g + (A)decay.penalty * p;
}

// d = g;   b = momentum b + keep d, at the first step d;   p = p - lr b, nesterov p - lr (d + momentum b)
extern "C" __global__ void sgd(const __grid_constant__ Table table, const Decay decay, double lr,
                               double momentum, double keep, int64 nesterov, int64 first) {
    const Part part = part_of(table);
    T *p = part.array(0), *b = part.array(2);
    const T* g = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        A at = p[i], d = descent(g[i], at, decay);
        if (momentum != 0) {
            const A mean = first ? d : (A)momentum * (A)b[i] + (A)keep * d;
            b[i] = T(mean);
            d = nesterov ? d + (A)momentum * mean : mean;
        }
        p[i] = T(at - (A)lr * d);
    }
}

// m = β1 m + (1 - β1) g;   v = β2 v + (1 - β2) g²;   p = p - step m / (√v + eps)
extern "C" __global__ void adam(const __grid_constant__ Table table, const Decay decay, double step,
                                double beta1, double beta2, double eps, int64 amsgrad) {
    const Part part = part_of(table);
    T *p = part.array(0), *ms = part.array(2), *vs = part.array(3), *most = part.array(4);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = (A)p[i] * (A)decay.shrink, g = descent(gs[i], at, decay);
        const A m = (A)beta1 * (A)ms[i] + (A)(1 - beta1) * g;
        A v = (A)beta2 * (A)vs[i] + (A)(1 - beta2) * g * g;
        ms[i] = T(m);
        vs[i] = T(v);
        if (amsgrad) {
            const A before = most[i];
            v = v <= before ? before : v;  // nan too
            most[i] = T(v);
        }
        p[i] = T(at - (A)step * m / (sqrt(v) + (A)eps));
    }
}

// v = α v + (1 - α) g²;   a = α a + (1 - α) g;   b = momentum b + g / (√(v - a²) + eps);   p = p - lr b
extern "C" __global__ void rmsprop(const __grid_constant__ Table table, const Decay decay, double lr,
                                   double alpha, double eps, double momentum, int64 centered) {
    const Part part = part_of(table);
    T *p = part.array(0), *vs = part.array(2), *b = part.array(3);
    T* as = part.array(momentum != 0 ? 4 : 3);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = p[i], g = descent(gs[i], at, decay);
        A v = (A)alpha * (A)vs[i] + (A)(1 - alpha) * g * g;
        vs[i] = T(v);
        if (centered) {
            const A a = (A)alpha * (A)as[i] + (A)(1 - alpha) * g;
            as[i] = T(a);
            v -= a * a;
            v = v < 0 ? 0 : v;  // rounding
        }
        A d = g / (sqrt(v) + (A)eps);
        if (momentum != 0) {
            d += (A)momentum * (A)b[i];
            b[i] = T(d);
        }
        p[i] = T(at - (A)lr * d);
    }
}

// p = p - lr sign(β1 m + (1 - β1) g);   m = β2 m + (1 - β2) g
extern "C" __global__ void lion(const __grid_constant__ Table table, const Decay decay, double lr,
                                double beta1, double beta2) {
    const Part part = part_of(table);
    T *p = part.array(0), *ms = part.array(2);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = (A)p[i] * (A)decay.shrink, g = descent(gs[i], at, decay), m = ms[i];
        const A u = (A)beta1 * m + (A)(1 - beta1) * g;
        p[i] = T(at - (A)lr * (u > 0 ? (A)1 : u < 0 ? (A)-1 : u));  // 0 and nan are themselves
        ms[i] = T((A)beta2 * m + (A)(1 - beta2) * g);
    }
}

// m = β1 m + (1 - β1) g;   u = max(β2 u, |g| + eps);   p = p - step m / u
extern "C" __global__ void adamax(const __grid_constant__ Table table, const Decay decay, double step,
                                  double beta1, double beta2, double eps) {
    const Part part = part_of(table);
    T *p = part.array(0), *ms = part.array(2), *us = part.array(3);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = p[i], g = descent(gs[i], at, decay);
        const A m = (A)beta1 * (A)ms[i] + (A)(1 - beta1) * g;
        const A before = (A)beta2 * (A)us[i], now = fabs(g) + (A)eps;
        const A u = now <= before ? before : now;  // nan too
        ms[i] = T(m);
        us[i] = T(u);
        p[i] = T(at - (A)step * m / u);
    }
}

// m and v as in adam;   p = p - (ahead m + behind g) / (√(v / unbias) + eps)
extern "C" __global__ void nadam(const __grid_constant__ Table table, const Decay decay, double ahead,
                                 double behind, double beta1, double beta2, double unbias,
                                 double eps) {
    const Part part = part_of(table);
    T *p = part.array(0), *ms = part.array(2), *vs = part.array(3);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = (A)p[i] * (A)decay.shrink, g = descent(gs[i], at, decay);
        const A m = (A)beta1 * (A)ms[i] + (A)(1 - beta1) * g;
        const A v = (A)beta2 * (A)vs[i] + (A)(1 - beta2) * g * g;
        ms[i] = T(m);
        vs[i] = T(v);
        p[i] = T(at - ((A)ahead * m + (A)behind * g) / (sqrt(v / (A)unbias) + (A)eps));
    }
}

// m and v as in adam;   p = p - step m / (√v + eps), or p - step m while v is not known well enough
extern "C" __global__ void radam(const __grid_constant__ Table table, const Decay decay, double step,
                                 double beta1, double beta2, double eps, int64 known) {
    const Part part = part_of(table);
    T *p = part.array(0), *ms = part.array(2), *vs = part.array(3);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = (A)p[i] * (A)decay.shrink, g = descent(gs[i], at, decay);
        const A m = (A)beta1 * (A)ms[i] + (A)(1 - beta1) * g;
        const A v = (A)beta2 * (A)vs[i] + (A)(1 - beta2) * g * g;
        ms[i] = T(m);
        vs[i] = T(v);
        p[i] = T(at - (A)step * m / (known ? sqrt(v) + (A)eps : (A)1));
    }
}

// s = s + g²;   p = p - lr g / (√s + eps)
extern "C" __global__ void adagrad(const __grid_constant__ Table table, const Decay decay, double lr,
                                   double eps) {
    const Part part = part_of(table);
    T *p = part.array(0), *sums = part.array(2);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = p[i], g = descent(gs[i], at, decay), s = (A)sums[i] + g * g;
        sums[i] = T(s);
        p[i] = T(at - (A)lr * g / (sqrt(s) + (A)eps));
    }
}

// v = ρ v + (1 - ρ) g²;   d = √(u + eps) / √(v + eps) g;   u = ρ u + (1 - ρ) d²;   p = p - lr d
extern "C" __global__ void adadelta(const __grid_constant__ Table table, const Decay decay, double lr,
                                    double rho, double eps) {
    const Part part = part_of(table);
    T *p = part.array(0), *vs = part.array(2), *us = part.array(3);
    const T* gs = part.array(1);
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const A at = p[i], g = descent(gs[i], at, decay), u = us[i];
        const A v = (A)rho * (A)vs[i] + (A)(1 - rho) * g * g;
        const A d = sqrt(u + (A)eps) / sqrt(v + (A)eps) * g;
        vs[i] = T(v);
        us[i] = T((A)rho * u + (A)(1 - rho) * d * d);
        p[i] = T(at - (A)lr * d);
    }
}

// g = factor g;   finite = 0 where one of them is inf or nan
extern "C" __global__ void unscale(const __grid_constant__ Table table, bool* finite, double factor) {
    const Part part = part_of(table);
    T* g = part.array(0);
    bool fine = true;
    for (int64 i = part.begin + threadIdx.x; i < part.end; i += blockDim.x) {
        const T now = T((A)factor * (A)g[i]);
        g[i] = now;
        fine = fine && (A)now - (A)now == 0;  // inf - inf is nan
    }
    if (!fine) *finite = false;  // whoever else writes here writes the same
}
