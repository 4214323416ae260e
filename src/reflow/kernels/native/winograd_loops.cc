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

#include "winograd_loops.inc"

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

}  // namespace reflow::winograd
