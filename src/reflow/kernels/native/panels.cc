#include "panels.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "packing.h"
#include "processor.h"
#include "scratch.h"

namespace reflow {
namespace {

// Multiplications that are worth a part of their own: some tens of microseconds.
constexpr double kPart = 5e5;
constexpr int kPartsPerThread = 2;
constexpr int64_t kMost = int64_t{1} << 31;
// Numbers that are brought into panels in one part: some tens of microseconds.
constexpr int64_t kOrdered = int64_t{1} << 17;
// Rows of both sides of a transposed product that are gone over at a time, and panels of them.
constexpr int64_t kDepth = 256;
constexpr int64_t kTogether = 8;
constexpr int64_t kExpected = 8;  // rows that are fetched from memory ahead of time

// The left side of a product: `rows` by `inner` numbers, `step` from row to row, or, where it lies transposed, from
// column to column. The product is added to what is there if it `adds`.
struct Left {
  const float* data;
  int64_t rows, inner, step;
  bool adds;
};

namespace avx2 {
#define REFLOW_TARGET __attribute__((target("avx2,fma")))
#define REFLOW_LANES 8
#define REFLOW_ROWS 6
#include "panel_loops.inc"
#undef REFLOW_TARGET
#undef REFLOW_LANES
#undef REFLOW_ROWS
}  // namespace avx2

namespace avx512 {
#define REFLOW_TARGET __attribute__((target("avx512f,avx2,fma")))
#define REFLOW_LANES 16
#define REFLOW_ROWS 12
#include "panel_loops.inc"
#undef REFLOW_TARGET
#undef REFLOW_LANES
#undef REFLOW_ROWS
}  // namespace avx512

// Checks that there are as many numbers as wanted, and the first ones of them sizes.
void read_sizes(const int64_t* n, std::size_t count, std::size_t wanted, int sizes) {
  const auto require = [](bool ok) {
    if (!ok) throw std::invalid_argument("a product with panels of no such sizes");
  };
  require(count == wanted);
  double most = 4.0 * kPanel;
  for (int i = 0; i < sizes; ++i) {
    require(n[i] > 0 && n[i] < kMost);
    most *= static_cast<double>(n[i]);
  }
  require(most < static_cast<double>(std::numeric_limits<int64_t>::max()));
}

std::string implementation_with(const char* what) {
  if (vector_bytes() < kAvx2) throw std::runtime_error("the processor lacks AVX2");
  return std::string(what) + (vector_bytes() == kAvx512 ? ", AVX-512" : ", AVX2");
}

int64_t parts_for(const Pool& pool, double work, int64_t pieces) {
  const int64_t most = pool.threads == 1 ? 1 : int64_t{kPartsPerThread} * pool.threads;
  return std::min(std::clamp<int64_t>(static_cast<int64_t>(work / kPart), 1, most), pieces);
}

// Rows [begin, end) of some columns of a matrix, the first of which `from` has, as panels of end - begin rows.
void bring_rows(const float* from, int64_t step, int64_t columns, int64_t begin, int64_t end, int64_t depth,
                float* to) {
  for (int64_t k = begin; k < end; ++k) {
    const float* row = from + k * step;
    for (int64_t column = 0; column < columns && k + kExpected < end; column += kPanel) {
      __builtin_prefetch(row + kExpected * step + column);
    }
    for (int64_t column = 0; column < columns; column += kPanel) {
      float* target = to + column * depth + (k - begin) * kPanel;
      const int64_t n = std::min(kPanel, columns - column);
      std::copy(row + column, row + column + n, target);
      std::fill(target + n, target + kPanel, 0.0f);
    }
  }
}

}  // namespace

PanelProduct::PanelProduct(const int64_t* n, std::size_t count) {
  read_sizes(n, count, 3, 3);
  rows = n[0], inner = n[1], columns = n[2];
}

std::vector<int64_t> PanelProduct::operands() const { return {rows * inner, panels() * inner * kPanel}; }

std::string PanelProduct::implementation(int) const { return implementation_with("panels"); }

void PanelProduct::compute(const Pool& pool, const void* const* given, void* const* results) const {
  const auto* a = static_cast<const float*>(given[0]);
  const auto* b = static_cast<const float*>(given[1]);
  auto* c = static_cast<float*>(results[0]);
  const int64_t parts = parts_for(pool, static_cast<double>(rows) * inner * columns, panels());
  const auto multiply = vector_bytes() == kAvx512 ? avx512::multiply<false> : avx2::multiply<false>;
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const int64_t begin = part * panels() / parts * kPanel;
    const int64_t end = std::min((part + 1) * panels() / parts * kPanel, columns);
    multiply({a, rows, inner, inner, false}, b + begin * inner, c + begin, columns, end - begin);
  });
}

Panels::Panels(const int64_t* n, std::size_t count) {
  read_sizes(n, count, 3, 2);
  inner = n[0], columns = n[1], flip = n[2] != 0;
}

void Panels::compute(const Pool& pool, const void* const* given, void* const* results) const {
  const auto* from = static_cast<const float*>(given[0]);
  auto* to = static_cast<float*>(results[0]);
  const int64_t pieces = flip ? panels() : inner;
  const int64_t parts = std::clamp<int64_t>(inner * columns / kOrdered, 1, std::min(pieces, int64_t{4} * pool.threads));
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const int64_t begin = part * pieces / parts, end = (part + 1) * pieces / parts;
    if (!flip) return bring_rows(from, columns, columns, begin, end, inner, to + begin * kPanel);
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * kPanel, n = std::min(kPanel, columns - first);
      float* target = to + first * inner;
      if (n < kPanel) std::fill(target, target + inner * kPanel, 0.0f);
      transpose(from + first * inner, n, inner, inner, target, kPanel);
    }
  });
}

TransposedProduct::TransposedProduct(const int64_t* n, std::size_t count) {
  read_sizes(n, count, 3, 3);
  rows = n[0], inner = n[1], columns = n[2];
}

std::string TransposedProduct::implementation(int) const { return implementation_with("panels, transposed"); }

void TransposedProduct::compute(const Pool& pool, const void* const* given, void* const* results) const {
  const auto* a = static_cast<const float*>(given[0]);
  const auto* b = static_cast<const float*>(given[1]);
  auto* c = static_cast<float*>(results[0]);
  const auto multiply = vector_bytes() == kAvx512 ? avx512::multiply<true> : avx2::multiply<true>;
  // Each part brings the columns of the right side that it takes into panels itself.
  const bool by_columns = columns >= rows;
  const int64_t pieces = by_columns ? (panels() + 1) / 2 : (rows + kPanel - 1) / kPanel;
  const int64_t each = by_columns ? 2 * kPanel : kPanel;
  const int64_t parts = parts_for(pool, static_cast<double>(rows) * inner * columns, pieces);
  const int64_t blocks = (inner + kDepth - 1) / kDepth;
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const int64_t begin = part * pieces / parts * each, end = (part + 1) * pieces / parts * each;
    const int64_t row = by_columns ? 0 : begin, height = by_columns ? rows : std::min(end, rows) - begin;
    const int64_t first = by_columns ? begin : 0, last = by_columns ? std::min(end, columns) : columns;
    Scratch scratch(kTogether * kPanel * kDepth * sizeof(float));
    float* ordered = reinterpret_cast<float*>(scratch.data());
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t from = block * inner / blocks, to = (block + 1) * inner / blocks;
      const Left left{a + from * rows + row, height, to - from, rows, block > 0};
      for (int64_t column = first; column < last; column += kTogether * kPanel) {
        const int64_t n = std::min(kTogether * kPanel, last - column);
        bring_rows(b + column, columns, n, from, to, to - from, ordered);
        multiply(left, ordered, c + row * columns + column, columns, n);
      }
    }
  });
}

}  // namespace reflow
