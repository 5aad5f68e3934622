// What all kernels share.
//
// A kernel is run by many threads at once: gridDim.x blocks of blockDim.x threads. Each of them
// finds its number in blockIdx.x and threadIdx.x, and from it what to do. Threads of one block may
// wait for each other (__syncthreads) and share memory that is as fast as a cache (__shared__).

typedef long long int64;

#ifdef __CUDACC__
// float16, as it lies in memory. To compute with it is to turn it into a float first.
struct float16 {
    unsigned short bits;
    __device__ float16() {}
    __device__ float16(float x) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x)); }
    __device__ operator float() const {
        float x;
        asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
        return x;
    }
};
#endif

// bfloat16 is the first half of a float; what is cut off is rounded, in the middle to an even digit.
struct bfloat16 {
    unsigned short bits;
    __device__ bfloat16() {}
    __device__ bfloat16(float x) {
        const unsigned whole = __float_as_uint(x);
        bits = x == x ? (whole + 0x7fff + (whole >> 16 & 1)) >> 16 : 0x7fc0;  // nan stays nan
    }
    __device__ operator float() const { return __uint_as_float((unsigned)bits << 16); }
};
