#include "winograd_loops.h"

#include <immintrin.h>

#include <algorithm>

#include "numbers.h"

// Not clones for each instruction set: without these there are too few registers for the products.
#define REFLOW_AVX2 __attribute__((target("avx2,fma")))
#define REFLOW_AVX2_INLINE REFLOW_AVX2 REFLOW_INLINE

namespace reflow::winograd {
namespace {

using Vector = __m256;
constexpr int64_t kLanes = 8;

// Transforms ------------------------------------------------------------------------------------------
//
// Lavin and Gray, Fast algorithms for convolutional neural networks, 2015: F(2x2, 3x3) for outputs, and
// F(3x3, 2x2) for the gradient of a filter. Each is a transform in one dimension, done for the columns of a
// tile and then for its rows. The points are 0, 1, -1 and infinity.

struct OfImages {
  static constexpr int kIn = 4, kOut = 4;
  static REFLOW_AVX2_INLINE void apply(const Vector* x, int step, Vector* y, int y_step) {
    y[0] = x[0] - x[2 * step];
    y[y_step] = x[step] + x[2 * step];
    y[2 * y_step] = x[2 * step] - x[step];
    y[3 * y_step] = x[step] - x[3 * step];
  }
};

struct OfFilter {
  static constexpr int kIn = 3, kOut = 4;
  static REFLOW_AVX2_INLINE void apply(const Vector* x, int step, Vector* y, int y_step) {
    const Vector half = _mm256_set1_ps(0.5f);
    const Vector outer = (x[0] + x[2 * step]) * half, middle = x[step] * half;
    y[0] = x[0];
    y[y_step] = outer + middle;
    y[2 * y_step] = outer - middle;
    y[3 * y_step] = x[2 * step];
  }
};

// Places 1 and 2 come out doubled, which `ToFilter` makes good.
struct OfGradients {
  static constexpr int kIn = 2, kOut = 4;
  static REFLOW_AVX2_INLINE void apply(const Vector* x, int step, Vector* y, int y_step) {
    y[0] = x[0];
    y[y_step] = x[0] + x[step];
    y[2 * y_step] = x[0] - x[step];
    y[3 * y_step] = x[step];
  }
};

struct ToOutputs {
  static constexpr int kIn = 4, kOut = 2;
  static REFLOW_AVX2_INLINE void apply(const Vector* x, int step, Vector* y, int y_step) {
    y[0] = x[0] + x[step] + x[2 * step];
    y[y_step] = x[step] - x[2 * step] - x[3 * step];
  }
};

struct ToFilter {
  static constexpr int kIn = 4, kOut = 3;
  static REFLOW_AVX2_INLINE void apply(const Vector* x, int step, Vector* y, int y_step) {
    const Vector half = _mm256_set1_ps(0.5f);
    const Vector sum = (x[step] + x[2 * step]) * half;
    y[0] = x[0] + sum;
    y[y_step] = (x[step] - x[2 * step]) * half;
    y[2 * y_step] = sum - x[3 * step];
  }
};

// A transform in both dimensions.
template <typename One>
REFLOW_AVX2_INLINE void in_both(const Vector* x, Vector* y) {
  Vector between[One::kOut * One::kIn];
#pragma GCC unroll 4
  for (int i = 0; i < One::kIn; ++i) One::apply(x + i, One::kIn, between + i, One::kIn);
#pragma GCC unroll 4
  for (int i = 0; i < One::kOut; ++i) One::apply(between + i * One::kIn, 1, y + i * One::kOut, 1);
}

// The first `count` lanes, all of them when it is more than there are.
REFLOW_AVX2_INLINE __m256i lanes(int64_t count) {
  const int n = static_cast<int>(std::min(count, kLanes));
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// Where the channel lies in the row of a panel.
REFLOW_AVX2_INLINE float* in_panel(const Panels& panels, int64_t row, int64_t channel) {
  return panels.data + channel / kPanel * panels.panel + row * kPanel + channel % kPanel;
}

template <typename One>
REFLOW_AVX2_INLINE void into_panels(const float* const* from, int64_t channels, Panels to,
                                    int64_t row) {
  Vector x[One::kIn * One::kIn], y[kPlaces];
  for (int64_t channel = 0; channel < channels; channel += kLanes) {
    if (channel + kLanes <= channels) {
#pragma GCC unroll 16
      for (int i = 0; i < One::kIn * One::kIn; ++i) x[i] = _mm256_loadu_ps(from[i] + channel);
    } else {
      const __m256i some = lanes(channels - channel);
#pragma GCC unroll 16
      for (int i = 0; i < One::kIn * One::kIn; ++i) x[i] = _mm256_maskload_ps(from[i] + channel, some);
    }
    in_both<One>(x, y);
    float* there = in_panel(to, row, channel);
#pragma GCC unroll 16
    for (int i = 0; i < kPlaces; ++i) _mm256_storeu_ps(there + i * to.place, y[i]);
  }
}

template <typename One>
REFLOW_AVX2_INLINE void out_of_panels(Panels from, int64_t row, int64_t channels, float* const* to) {
  Vector x[kPlaces], y[One::kOut * One::kOut];
  for (int64_t channel = 0; channel < channels; channel += kLanes) {
    const float* there = in_panel(from, row, channel);
#pragma GCC unroll 16
    for (int i = 0; i < kPlaces; ++i) x[i] = _mm256_loadu_ps(there + i * from.place);
    in_both<One>(x, y);
    if (channel + kLanes <= channels) {
#pragma GCC unroll 16
      for (int i = 0; i < One::kOut * One::kOut; ++i) _mm256_storeu_ps(to[i] + channel, y[i]);
    } else {
      const __m256i some = lanes(channels - channel);
#pragma GCC unroll 16
      for (int i = 0; i < One::kOut * One::kOut; ++i) _mm256_maskstore_ps(to[i] + channel, some, y[i]);
    }
  }
}

// 8 vectors of 8 numbers.
REFLOW_AVX2_INLINE void transpose_square(Vector* x) {
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

// Products --------------------------------------------------------------------------------------------

constexpr int64_t kMostRows = 6;  // of a result that stays in registers: 12 of the 16 of AVX2

// The rows of the result are those of `a`, or with `kTransposed` its columns.
template <int kRows, int kVectors, bool kTransposed>
REFLOW_AVX2 void multiply_rows(const float* a, int64_t a_panel, const float* b, int64_t inner, float* result,
                               bool adds) {
  Vector sums[kRows][kVectors];
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      sums[i][j] = adds ? _mm256_loadu_ps(result + i * kPanel + j * kLanes) : _mm256_setzero_ps();
    }
  }
  const int64_t run = kTransposed ? inner : kPanel;
  for (int64_t begin = 0; begin < inner; begin += run, a += a_panel) {
    const int64_t count = std::min(run, inner - begin);
    for (int64_t k = 0; k < count; ++k, b += kPanel) {
      Vector row[kVectors];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) row[j] = _mm256_loadu_ps(b + j * kLanes);
#pragma GCC unroll 6
      for (int i = 0; i < kRows; ++i) {
        const Vector x = _mm256_broadcast_ss(a + (kTransposed ? k * kPanel + i : i * kPanel + k));
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; ++j) sums[i][j] = _mm256_fmadd_ps(x, row[j], sums[i][j]);
      }
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) _mm256_storeu_ps(result + i * kPanel + j * kLanes, sums[i][j]);
  }
}

using MultiplyRows = void (*)(const float*, int64_t, const float*, int64_t, float*, bool);

template <int kVectors, bool kTransposed>
constexpr MultiplyRows kOfRows[kMostRows] = {
    multiply_rows<1, kVectors, kTransposed>, multiply_rows<2, kVectors, kTransposed>,
    multiply_rows<3, kVectors, kTransposed>, multiply_rows<4, kVectors, kTransposed>,
    multiply_rows<5, kVectors, kTransposed>, multiply_rows<6, kVectors, kTransposed>,
};

template <bool kTransposed>
void in_pieces(const float* a, int64_t a_panel, const float* b, int64_t rows, int64_t inner, int64_t columns,
               float* result, bool adds) {
  const MultiplyRows* of_rows = columns > kLanes ? kOfRows<2, kTransposed> : kOfRows<1, kTransposed>;
  // Pieces of 6 and 5 rows rather than of 6 and of what is left.
  for (int64_t row = 0, left = (rows + kMostRows - 1) / kMostRows; left > 0; --left) {
    const int64_t count = (rows - row + left - 1) / left;
    of_rows[count - 1](a + row * (kTransposed ? 1 : kPanel), a_panel, b, inner, result + row * kPanel, adds);
    row += count;
  }
}

}  // namespace

REFLOW_AVX2 void transform_images(const float* const* pixels, int64_t channels, Panels to,
                                  int64_t row) {
  into_panels<OfImages>(pixels, channels, to, row);
}

REFLOW_AVX2 void transform_gradients(const float* const* pixels, int64_t channels, Panels to,
                                     int64_t row) {
  into_panels<OfGradients>(pixels, channels, to, row);
}

REFLOW_AVX2 void transform_filter(const float* const* elements, int64_t channels, Panels to,
                                  int64_t row) {
  into_panels<OfFilter>(elements, channels, to, row);
}

REFLOW_AVX2 void transpose(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
                           int64_t to_step) {
  for (int64_t row = 0; row < rows; row += kLanes) {
    for (int64_t column = 0; column < columns; column += kLanes) {
      const __m256i some = lanes(columns - column);
      Vector x[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        // Those that are missing are taken from the last one.
        const float* line = from + std::min(row + i, rows - 1) * from_step;
        x[i] = _mm256_maskload_ps(line + column, some);
      }
      transpose_square(x);
      const int64_t count = std::min(kLanes, columns - column);
      for (int64_t i = 0; i < count; ++i) _mm256_storeu_ps(to + (column + i) * to_step + row, x[i]);
    }
  }
}

REFLOW_AVX2 void finish_outputs(Panels from, int64_t row, int64_t channels, float* const* pixels) {
  out_of_panels<ToOutputs>(from, row, channels, pixels);
}

REFLOW_AVX2 void finish_filter(Panels from, int64_t row, int64_t channels, float* const* elements) {
  out_of_panels<ToFilter>(from, row, channels, elements);
}

void multiply(const float* a, int64_t a_panel, const float* b, int64_t rows, int64_t inner, int64_t columns,
              float* result, bool adds) {
  in_pieces<false>(a, a_panel, b, rows, inner, columns, result, adds);
}

void multiply_transposed(const float* a, const float* b, int64_t rows, int64_t inner, int64_t columns,
                         float* result, bool adds) {
  in_pieces<true>(a, 0, b, rows, inner, columns, result, adds);
}

}  // namespace reflow::winograd
