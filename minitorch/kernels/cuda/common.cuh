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
