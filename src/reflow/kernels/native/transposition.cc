#include <algorithm>
#include <limits>
#include <stdexcept>

#include "matrices.h"

namespace reflow {
namespace {

constexpr int64_t kSide = 16;             // numbers of a cache line
constexpr int64_t kPart = int64_t{1} << 16;  // numbers that are worth a part of their own

typedef float Four __attribute__((vector_size(16)));
typedef float Anywhere __attribute__((vector_size(16), aligned(4), may_alias));

inline Four load(const float* x) { return *reinterpret_cast<const Anywhere*>(x); }

// The numbers of two vectors in turns, those of their first and of their second halves.
inline Four mix_low(Four x, Four y) { return Four{x[0], y[0], x[1], y[1]}; }
inline Four mix_high(Four x, Four y) { return Four{x[2], y[2], x[3], y[3]}; }

// Each line is read and written once, as a whole: where rows are a power of two apart, the few that the cache
// holds of them would be gone before the next number of each.
void transpose(const float* x, int64_t rows, int64_t columns, int64_t x_step, float* y, int64_t y_step) {
  alignas(64) float block[kSide][kSide];
  if (rows == kSide && columns == kSide) {
    for (int64_t i = 0; i < kSide; i += 4) {
      for (int64_t j = 0; j < kSide; j += 4) {
        const float* from = x + i * x_step + j;
        const Four a = load(from), b = load(from + x_step);
        const Four c = load(from + 2 * x_step), d = load(from + 3 * x_step);
        const Four ac = mix_low(a, c), bd = mix_low(b, d), ac_high = mix_high(a, c), bd_high = mix_high(b, d);
        const auto put = [&](int64_t row, Four value) {
          *reinterpret_cast<Anywhere*>(&block[j + row][i]) = value;
        };
        put(0, mix_low(ac, bd));
        put(1, mix_high(ac, bd));
        put(2, mix_low(ac_high, bd_high));
        put(3, mix_high(ac_high, bd_high));
      }
    }
  } else {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) block[j][i] = x[i * x_step + j];
    }
  }
  for (int64_t j = 0; j < columns; ++j) std::copy(block[j], block[j] + rows, y + j * y_step);
}

}  // namespace

Transposition::Transposition(const int64_t* n, std::size_t count) {
  constexpr int64_t kMost = int64_t{1} << 30;
  if (count != 2 || n[0] <= 0 || n[1] <= 0 || n[0] > kMost || n[1] > kMost) {
    throw std::invalid_argument("a matrix to transpose without two sizes above 0");
  }
  rows = n[0], columns = n[1];
}

std::string Transposition::implementation(int) const { return "loops"; }

void Transposition::compute(const Pool& pool, const void* const* given, void* const* results) const {
  const auto* x = static_cast<const float*>(given[0]);
  auto* y = static_cast<float*>(results[0]);
  const int64_t each = std::max<int64_t>(kPart / columns / kSide, 1) * kSide;  // rows of a part
  in_parts(pool, static_cast<int>((rows + each - 1) / each), [&](int part, int) {
    const int64_t end = std::min((part + 1) * each, rows);
    for (int64_t i = part * each; i < end; i += kSide) {
      for (int64_t j = 0; j < columns; j += kSide) {
        transpose(x + i * columns + j, std::min(kSide, end - i), std::min(kSide, columns - j), columns,
                  y + j * rows + i, rows);
      }
    }
  });
}

}  // namespace reflow
