// The matrix product y = a b, tile by tile: (M, K) times (K, N), for each of a batch.
//
// A block computes TILE by TILE numbers of y. It walks along K, and fetches a tile of a and one of b
// at a time, which all its threads then share: each number of memory is read once for TILE numbers
// of y. A thread keeps PER by PER of them in registers, so that it reads shared memory half as often
// as it multiplies.
//
//                    b  . . B B . .        TILE = 64 rows and columns of y,  DEEP = 16 along K,
//                       . . B B . .        16 by 16 threads with PER by PER = 4 by 4 numbers each
//     a  . . . .     y  . . . . . .
//        A A A A        . . Y Y . .        thread (i, j) has the rows i, i + 16, i + 32, i + 48
//        . . . .        . . . . . .        and the columns j, j + 16, ...
//
// cuBLAS is faster, but CuPy refuses to call it while a CUDA graph is captured; this can be.

const int TILE = 64, DEEP = 16, SIDE = 16, PER = 4;

struct Product {
    int64 M, N, K;
    int64 a_batch, a_row, a_column;  // steps: how many elements further the next one lies
    int64 b_batch, b_row, b_column;
};

extern "C" __global__ void __launch_bounds__(256)
matmul(const T* a, const T* b, T* y, const Product w) {
    __shared__ A as[DEEP][TILE + 1], bs[DEEP][TILE + 1];  // + 1: columns in different banks
    const int64 M = w.M, N = w.N, K = w.K;
    const int64 columns = (N + TILE - 1) / TILE;
    const int64 first_row = blockIdx.x / columns * TILE, first_column = blockIdx.x % columns * TILE;
    const int i = threadIdx.y, j = threadIdx.x, t = i * SIDE + j;
    a += blockIdx.y * w.a_batch;
    b += blockIdx.y * w.b_batch;
    y += blockIdx.y * M * N;
    A sums[PER][PER] = {};
    for (int64 k0 = 0; k0 < K; k0 += DEEP) {
        for (int e = t; e < TILE * DEEP; e += SIDE * SIDE) {
            // Neighbouring threads read neighbouring numbers, along whichever axis these lie.
            const int a_k = w.a_column == 1 ? e % DEEP : e / TILE;
            const int a_i = w.a_column == 1 ? e / DEEP : e % TILE;
            const int b_k = w.b_column == 1 ? e / TILE : e % DEEP;
            const int b_j = w.b_column == 1 ? e % TILE : e / DEEP;
            const int64 row = first_row + a_i, column = first_column + b_j;
            const bool in_a = row < M && k0 + a_k < K, in_b = column < N && k0 + b_k < K;
            as[a_k][a_i] = in_a ? (A)a[row * w.a_row + (k0 + a_k) * w.a_column] : (A)0;
            bs[b_k][b_j] = in_b ? (A)b[(k0 + b_k) * w.b_row + column * w.b_column] : (A)0;
        }
        __syncthreads();
        for (int k = 0; k < DEEP; k++) {
            A from_a[PER], from_b[PER];
            for (int p = 0; p < PER; p++) {
                from_a[p] = as[k][i + p * SIDE];
                from_b[p] = bs[k][j + p * SIDE];
            }
            for (int p = 0; p < PER; p++) {
                for (int q = 0; q < PER; q++) sums[p][q] += from_a[p] * from_b[q];
            }
        }
        __syncthreads();
    }
    for (int p = 0; p < PER; p++) {
        for (int q = 0; q < PER; q++) {
            const int64 row = first_row + i + p * SIDE, column = first_column + j + q * SIDE;
            if (row < M && column < N) y[row * N + column] = T(sums[p][q]);
        }
    }
}
