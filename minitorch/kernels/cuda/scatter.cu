// Adding rows to the rows that an index names: what an embedding's gradient is.
//
// Threads that add to one place at the same time do so one after another (atomicAdd), nobody knows
// in which order. y is kept as what is computed with, A, so that a long sum of float16 grows.

// y[rows[i], c] += x[i, c], for x of `size` numbers in rows of `width`, and y of `height` rows
extern "C" __global__ void add_rows(const T* x, const int64* rows, A* y, int64 size, int64 width,
                                    int64 height) {
    const I w = width;
    for (I i = blockIdx.x * (I)blockDim.x + threadIdx.x; i < size; i += (I)blockDim.x * gridDim.x) {
        const int64 row = rows[i / w];
        atomicAdd(y + (row < 0 ? row + height : row) * w + i % w, (A)x[i]);
    }
}
