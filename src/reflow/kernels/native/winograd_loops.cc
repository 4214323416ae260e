#include "winograd_loops.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <utility>

#include "numbers.h"
#include "processor.h"

namespace reflow::winograd {
namespace {

// Where the channel lies in the row of a panel.
REFLOW_INLINE float* in_panel(const Panels& panels, int64_t row, int64_t channel) {
  return panels.data + channel / kPanel * panels.panel + row * kPanel + channel % kPanel;
}

// Rows of a product that stay in registers.
constexpr int kRows = kProductRows;

namespace avx2 {

#define REFLOW_TARGET __attribute__((target("avx2,fma")))

using Vector = __m256;
constexpr int kVectors = 2;  // by kRows: 12 of 16 registers
constexpr int64_t kTiles = 8 * kRows, kFilterPanels = 4;

REFLOW_TARGET REFLOW_INLINE __m256i first(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
REFLOW_TARGET REFLOW_INLINE Vector first_at(const float* x, int64_t count) {
  return _mm256_maskload_ps(x, first(count));
}
REFLOW_TARGET REFLOW_INLINE void put_first(float* x, int64_t count, Vector value) {
  _mm256_maskstore_ps(x, first(count), value);
}

// 8 vectors of 8 numbers.
REFLOW_TARGET REFLOW_INLINE void transpose_square(Vector* x) {
  Vector pairs[8], fours[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      fours[i + 2 * j] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], _MM_SHUFFLE(1, 0, 1, 0));
      fours[i + 2 * j + 1] = _mm256_shuffle_ps(pairs[i + j], pairs[i + j + 2], _MM_SHUFFLE(3, 2, 3, 2));
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
    x[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
  }
}

#include "winograd_loops.inc"

// Not wider where there are wider vectors: what it takes is small.
REFLOW_TARGET void transpose(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
                             int64_t to_step) {
  for (int64_t row = 0; row < rows; row += kLanes) {
    for (int64_t column = 0; column < columns; column += kLanes) {
      const int64_t count = std::min(kLanes, columns - column);
      Vector x[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        // Those that are missing are taken from the last one.
        x[i] = first_at(from + std::min(row + i, rows - 1) * from_step + column, count);
      }
      transpose_square(x);
      for (int64_t i = 0; i < count; ++i) put(to + (column + i) * to_step + row, x[i]);
    }
  }
}

#undef REFLOW_TARGET

}  // namespace avx2

namespace avx512 {

#define REFLOW_TARGET __attribute__((target("avx512f,avx2,fma")))

using Vector = __m512;
constexpr int kVectors = 4;  // by kRows: 24 of 32 registers
constexpr int64_t kTiles = 16 * kRows, kFilterPanels = 8;

REFLOW_TARGET REFLOW_INLINE __mmask16 first(int64_t count) {
  return static_cast<__mmask16>((1u << count) - 1);
}
REFLOW_TARGET REFLOW_INLINE Vector first_at(const float* x, int64_t count) {
  return _mm512_maskz_loadu_ps(first(count), x);
}
REFLOW_TARGET REFLOW_INLINE void put_first(float* x, int64_t count, Vector value) {
  _mm512_mask_storeu_ps(x, first(count), value);
}

#include "winograd_loops.inc"

#undef REFLOW_TARGET

}  // namespace avx512

}  // namespace

const Loops& loops() { return vector_bytes() == kAvx512 ? avx512::kLoops : avx2::kLoops; }

void transpose(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
               int64_t to_step) {
  avx2::transpose(from, from_step, rows, columns, to, to_step);
}

}  // namespace reflow::winograd
