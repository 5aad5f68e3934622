// Dropout masks from the host's own stream of random numbers, drawn on the GPU.
//
// The stream is NumPy's PCG64 (O'Neill 2014): a state of 128 bits that a multiplication moves on,
//
//     s ← a s + c,    and k steps at once are again of that form,    s ← a_k s + c_k,
//
// so each thread jumps to its own place, and no number depends on who draws it. One state gives 64
// bits, which are two numbers between 0 and 1: the lower half first.
//
//     state      s1        s2        s3          thread 0 draws from s1, s1+step, ...
//     element    0   1     2   3     4   5       thread 1 draws from s2, s2+step, ...

typedef unsigned long long uint64;

struct Wide {  // 128 bits
    uint64 high, low;
};

__device__ Wide times(Wide a, Wide b) {
    return {__umul64hi(a.low, b.low) + a.high * b.low + a.low * b.high, a.low * b.low};
}

__device__ Wide plus(Wide a, Wide b) {
    const uint64 low = a.low + b.low;
    return {a.high + b.high + (low < a.low), low};
}

struct Stream {
    Wide state, a, c;   // where the stream is, and one step of it
    Wide jump_a, jump_c;  // as many steps as there are threads
    int64 has_half, half;  // half of the state before, which is yet to be given out
};

// k steps: squaring makes 1, 2, 4, ... steps of one, and k is a sum of those.
__device__ Wide after(Wide s, Wide a, Wide c, uint64 k) {
    for (; k; k >>= 1) {
        if (k & 1) s = plus(times(a, s), c);
        c = plus(times(a, c), c);
        a = times(a, a);
    }
    return s;
}

// The 64 bits of a state: both halves xored, and turned by its highest 6 bits.
__device__ uint64 bits_of(Wide s) {
    const uint64 mixed = s.high ^ s.low;
    const int turn = s.high >> 58;
    return mixed >> turn | mixed << (-turn & 63);
}

// scale where the number drawn is at least p, and 0 where it is below.
__device__ T kept(unsigned int bits, float p, A scale) {
    return T((bits >> 8) * (1.0f / 16777216.0f) >= p ? scale : (A)0);
}

extern "C" __global__ void draw_mask(T* mask, int64 size, const Stream stream, double p,
                                     double scale) {
    const int64 step = gridDim.x * (int64)blockDim.x;
    const int64 t = blockIdx.x * (int64)blockDim.x + threadIdx.x;
    if (stream.has_half && t == 0) mask[0] = kept(stream.half, p, scale);
    Wide s = after(stream.state, stream.a, stream.c, t + 1);
    for (int64 i = stream.has_half + 2 * t; i < size; i += 2 * step) {
        const uint64 bits = bits_of(s);
        mask[i] = kept((unsigned int)bits, p, scale);
        if (i + 1 < size) mask[i + 1] = kept((unsigned int)(bits >> 32), p, scale);
        s = plus(times(stream.jump_a, s), stream.jump_c);
    }
}
