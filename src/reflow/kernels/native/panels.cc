#include "panels.h"

#include <immintrin.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "processor.h"

namespace reflow {
namespace {

// Multiplications that are worth a part of their own: some tens of microseconds.
constexpr double kPart = 2e6;
constexpr int kPartsPerThread = 2;
// Rows of a tile: with two vectors each, their sums leave four of the sixteen registers to the operands.
constexpr int64_t kTile = 6;
constexpr int64_t kMost = int64_t{1} << 31;

#define REFLOW_AVX2 __attribute__((target("avx2,fma")))

// `kRows` rows by one panel; the result has `count` columns of it.
template <int kRows>
REFLOW_AVX2 void tile(const float* a, int64_t inner, const float* panel, float* c, int64_t step, int64_t count) {
  __m256 low[kRows], high[kRows];
#pragma GCC unroll 6
  for (int row = 0; row < kRows; ++row) low[row] = high[row] = _mm256_setzero_ps();
  for (int64_t k = 0; k < inner; ++k) {
    const __m256 b_low = _mm256_loadu_ps(panel + k * kPanel);
    const __m256 b_high = _mm256_loadu_ps(panel + k * kPanel + kPanel / 2);
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
      const __m256 each = _mm256_broadcast_ss(a + row * inner + k);
      low[row] = _mm256_fmadd_ps(each, b_low, low[row]);
      high[row] = _mm256_fmadd_ps(each, b_high, high[row]);
    }
  }
#pragma GCC unroll 6
  for (int row = 0; row < kRows; ++row) {
    float whole[kPanel];
    float* target = count == kPanel ? c + row * step : whole;
    _mm256_storeu_ps(target, low[row]);
    _mm256_storeu_ps(target + kPanel / 2, high[row]);
    if (count < kPanel) std::copy(whole, whole + count, c + row * step);
  }
}

using Tile = void (*)(const float*, int64_t, const float*, float*, int64_t, int64_t);
constexpr Tile kTiles[] = {tile<1>, tile<2>, tile<3>, tile<4>, tile<5>, tile<6>};

}  // namespace

PanelProduct::PanelProduct(const int64_t* n, std::size_t count) {
  const auto require = [](bool ok) {
    if (!ok) throw std::invalid_argument("a product with panels of no such sizes");
  };
  require(count == 3);
  double most = 4.0 * kPanel;
  for (int i = 0; i < 3; ++i) {
    require(n[i] > 0 && n[i] < kMost);
    most *= static_cast<double>(n[i]);
  }
  require(most < static_cast<double>(std::numeric_limits<int64_t>::max()));
  rows = n[0], inner = n[1], columns = n[2];
}

std::vector<int64_t> PanelProduct::operands() const { return {rows * inner, panels() * inner * kPanel}; }

std::string PanelProduct::implementation(int) const {
  if (vector_bytes() < kAvx2) throw std::runtime_error("the processor lacks AVX2");
  if (vector_bytes() == kAvx512) throw std::runtime_error("XLA has code for AVX-512");
  return "panels";
}

void PanelProduct::compute(const Pool& pool, const void* const* given, void* const* results) const {
  const auto* a = static_cast<const float*>(given[0]);
  const auto* b = static_cast<const float*>(given[1]);
  auto* c = static_cast<float*>(results[0]);
  const double work = static_cast<double>(rows) * inner * columns;
  const int64_t most = pool.threads == 1 ? 1 : int64_t{kPartsPerThread} * pool.threads;
  const int64_t parts = std::min(std::clamp<int64_t>(static_cast<int64_t>(work / kPart), 1, most), panels());
  // Tiles of nearly equal height: a low one takes almost as long as a high one.
  const int64_t tiles = (rows + kTile - 1) / kTile;
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    for (int64_t panel = part * panels() / parts; panel < (part + 1) * panels() / parts; ++panel) {
      const int64_t column = panel * kPanel;
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t row = i * rows / tiles, height = (i + 1) * rows / tiles - row;
        kTiles[height - 1](a + row * inner, inner, b + column * inner, c + row * columns + column, columns,
                           std::min(kPanel, columns - column));
      }
    }
  });
}

}  // namespace reflow
