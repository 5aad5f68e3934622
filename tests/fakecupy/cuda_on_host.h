// CUDA C as C++: the words that g++ does not know, and the threads of a block, one after another.
//
// A thread runs until it waits for the others of its block, and then the next one runs, so every
// thread has a stack of its own. Each phase between two waits goes through the threads in another
// direction: what relies on their order without waiting is found out. Blocks follow each other.

#include <ucontext.h>

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __restrict__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(n)
#define __grid_constant__

typedef _Float16 float16;

struct dim3 {
    unsigned x, y, z;
};
static dim3 gridDim, blockDim, blockIdx, threadIdx;

using std::erf, std::exp, std::expm1, std::fabs, std::fma, std::fmax, std::fmin, std::isfinite;
using std::isnan, std::log, std::log1p, std::pow, std::sqrt, std::tanh;

inline float rsqrt(float x) { return 1 / std::sqrt(x); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline unsigned __float_as_uint(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float __uint_as_float(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned __int128)a * b >> 64;
}

// One thread runs at a time, so nothing comes between reading and writing.
template <class T>
inline void atomicAdd(T* at, T value) {
    *at += value;
}

static ucontext_t scheduler;
static ucontext_t* running;

static void __syncthreads() {
    const dim3 mine = threadIdx;
    swapcontext(running, &scheduler);
    threadIdx = mine;
}

template <class Kernel>
struct Launch;

template <class... Args>
struct Launch<void (*)(Args...)> {
    static const int count = sizeof...(Args);

    static void sizes(size_t* out) {
        const size_t all[] = {sizeof(Args)..., 0};
        std::memcpy(out, all, count * sizeof(size_t));
    }

    template <size_t... i>
    static void call(void (*kernel)(Args...), void** args, std::index_sequence<i...>) {
        kernel(*(typename std::remove_const<Args>::type*)args[i]...);
    }

    static void thread(void (*kernel)(Args...), void** args) {
        call(kernel, args, std::index_sequence_for<Args...>());
    }
};

struct Task {  // what a new stack starts with
    void (*run)(void*);
    void* kernel;
    void** args;
    bool done;
};
static Task* starting;

static void enter() {
    Task* task = starting;
    task->run(task);
    task->done = true;
}

// Returns 0, or 1 where some threads of a block have ended and others wait for them.
template <class Kernel>
int launch(Kernel kernel, const unsigned* grid, const unsigned* block, void** args, int waits) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    const size_t threads = (size_t)block[0] * block[1] * block[2], stack = 1 << 16;
    static std::vector<char> stacks;
    if (waits && stacks.size() < threads * stack) stacks.resize(threads * stack);
    std::vector<ucontext_t> contexts(waits ? threads : 0);
    std::vector<Task> tasks(waits ? threads : 0);
    const size_t blocks = (size_t)grid[0] * grid[1] * grid[2];
    for (size_t b = 0; b < blocks; b++) {
        blockIdx = {unsigned(b % grid[0]), unsigned(b / grid[0] % grid[1]),
                    unsigned(b / grid[0] / grid[1])};
        auto place = [&](size_t t) {
            threadIdx = {unsigned(t % block[0]), unsigned(t / block[0] % block[1]),
                         unsigned(t / block[0] / block[1])};
        };
        if (!waits) {
            for (size_t t = 0; t < threads; t++) {
                place(t);
                Launch<Kernel>::thread(kernel, args);
            }
            continue;
        }
        for (size_t t = 0; t < threads; t++) {
            tasks[t] = {[](void* task) {
                            Task* own = (Task*)task;
                            Launch<Kernel>::thread((Kernel)own->kernel, own->args);
                        },
                        (void*)kernel, args, false};
            getcontext(&contexts[t]);
            contexts[t].uc_stack.ss_sp = &stacks[t * stack];
            contexts[t].uc_stack.ss_size = stack;
            contexts[t].uc_link = &scheduler;
            makecontext(&contexts[t], enter, 0);
        }
        size_t ended = 0;
        for (int phase = 0; ended < threads; phase++) {
            if (ended) return 1;
            for (size_t i = 0; i < threads; i++) {
                const size_t t = phase % 2 ? threads - 1 - i : i;
                place(t);
                starting = &tasks[t];
                running = &contexts[t];
                swapcontext(&scheduler, running);
                ended += tasks[t].done;
            }
        }
    }
    return 0;
}
