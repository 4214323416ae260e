#include "normalization.h"

#include <algorithm>
#include <vector>

#include "numbers.h"
#include "scratch.h"

namespace reflow {
namespace {

constexpr int64_t kChannels = 512;       // channels that are worked on at a time
constexpr int64_t kBlock = 1 << 14;      // elements that are read twice, so that the cache has them
constexpr int64_t kPart = 1 << 18;       // elements that are worth a part of their own
constexpr int64_t kFewestRows = 64;      // of a part: its sums are to be small beside it

// Rows of `count` elements, `step` apart, that are summed up.
struct Block {
  int64_t rows, step, count;
};

// total[i] += of(row, i), summed over the rows: four at a time, which halves the rounding errors too.
template <typename Of>
REFLOW_INLINE void add_rows(const Block& block, float* total, Of of) {
  int64_t row = 0;
  for (; row + 4 <= block.rows; row += 4) {
    const int64_t at = row * block.step;
    for (int64_t i = 0; i < block.count; ++i) {
      total[i] += (of(at + i, i) + of(at + block.step + i, i)) +
                  (of(at + 2 * block.step + i, i) + of(at + 3 * block.step + i, i));
    }
  }
  for (; row < block.rows; ++row) {
    const int64_t at = row * block.step;
    for (int64_t i = 0; i < block.count; ++i) total[i] += of(at + i, i);
  }
}

// The mean of a block, and the sum of the squares of what differs from it.
template <typename T>
REFLOW_INLINE void block_moments(const Block& block, const T* x, float* mean, float* squares) {
  std::fill(mean, mean + block.count, 0.0f);
  std::fill(squares, squares + block.count, 0.0f);
  add_rows(block, mean, [&](int64_t at, int64_t) { return load(x[at]); });
  for (int64_t i = 0; i < block.count; ++i) mean[i] /= static_cast<float>(block.rows);
  add_rows(block, squares, [&](int64_t at, int64_t i) {
    const float off = load(x[at]) - mean[i];
    return off * off;
  });
}

template <typename T>
REFLOW_INLINE void block_sums(const Block& block, const T* dy, const T* x, const float* mean, float* sum,
                              float* products) {
  std::fill(sum, sum + block.count, 0.0f);
  std::fill(products, products + block.count, 0.0f);
  add_rows(block, sum, [&](int64_t at, int64_t) { return load(dy[at]); });
  add_rows(block, products,
           [&](int64_t at, int64_t i) { return load(dy[at]) * (load(x[at]) - mean[i]); });
}

REFLOW_FOR_EACH_CPU void moments(const Block& block, const float* x, float* a, float* b) {
  block_moments(block, x, a, b);
}
REFLOW_FOR_EACH_CPU void moments_half(const Block& block, const BFloat16* x, float* a, float* b) {
  block_moments(block, x, a, b);
}
REFLOW_FOR_EACH_CPU void sums(const Block& block, const float* dy, const float* x, const float* mean,
                              float* a, float* b) {
  block_sums(block, dy, x, mean, a, b);
}
REFLOW_FOR_EACH_CPU void sums_half(const Block& block, const BFloat16* dy, const BFloat16* x,
                                   const float* mean, float* a, float* b) {
  block_sums(block, dy, x, mean, a, b);
}

// What is known of the rows so far, per channel: mean and squares (kMoments), or the two sums.
struct Total {
  double* first;
  double* second;
  int64_t rows = 0;

  // Adds `n` rows. Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983.
  template <typename Number>
  void add(bool of_moments, int64_t n, int64_t begin, int64_t count, const Number* a, const Number* b) {
    const double all = static_cast<double>(rows + n);
    const double weight = n / all, spread = rows * weight;
    for (int64_t i = 0; i < count; ++i) {
      double& mean = first[begin + i];
      const double off = a[i] - mean;
      second[begin + i] += of_moments ? b[i] + off * off * spread : b[i];
      mean += of_moments ? off * weight : a[i];
    }
  }
};

// The rows from `begin` to `end`. What happens to a row depends on the shape alone, not on threads.
void sum_rows(const Spec& spec, const void* const* given, int64_t begin, int64_t end, Total total) {
  const bool of_moments = spec.kind == Kind::kMoments, half = spec.type == Type::kBFloat16;
  float a[kChannels], b[kChannels];
  const int64_t width = std::min(spec.channels, kChannels);
  const int64_t rows = std::max<int64_t>(kBlock / width, 4);
  for (int64_t row = begin; row < end; row += rows) {
    const int64_t n = std::min(rows, end - row);
    for (int64_t channel = 0; channel < spec.channels; channel += width) {
      const Block block{n, spec.channels, std::min(width, spec.channels - channel)};
      const int64_t at = row * spec.channels + channel;
      const float* mean = of_moments ? nullptr : static_cast<const float*>(given[2]) + channel;
      if (half && of_moments) {
        moments_half(block, static_cast<const BFloat16*>(given[0]) + at, a, b);
      } else if (half) {
        sums_half(block, static_cast<const BFloat16*>(given[0]) + at,
                  static_cast<const BFloat16*>(given[1]) + at, mean, a, b);
      } else if (of_moments) {
        moments(block, static_cast<const float*>(given[0]) + at, a, b);
      } else {
        sums(block, static_cast<const float*>(given[0]) + at, static_cast<const float*>(given[1]) + at,
             mean, a, b);
      }
      total.add(of_moments, n, channel, block.count, a, b);
    }
    total.rows += n;
  }
}

}  // namespace

void sum_channels(const Spec& spec, const Pool& pool, const void* const* given, float* result) {
  const int64_t channels = spec.channels, rows = spec.batch * spec.pixels();
  const int64_t each = std::max((kPart + channels - 1) / channels, kFewestRows);
  const int64_t parts = (rows + each - 1) / each;
  const std::size_t size = aligned(2 * channels * sizeof(double));
  Scratch scratch(parts * size);
  const auto total_of = [&](int64_t part) {
    double* numbers = reinterpret_cast<double*>(scratch.data() + part * size);
    return Total{numbers, numbers + channels};
  };
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const Total total = total_of(part);
    std::fill(total.first, total.first + 2 * channels, 0.0);
    sum_rows(spec, given, part * each, std::min((part + 1) * each, rows), total);
  });
  const bool of_moments = spec.kind == Kind::kMoments;
  Total all = total_of(0);
  all.rows = std::min(each, rows);
  for (int64_t part = 1; part < parts; ++part) {
    const Total next = total_of(part);
    const int64_t n = std::min(each, rows - part * each);
    all.add(of_moments, n, 0, channels, next.first, next.second);
    all.rows += n;
  }
  for (int64_t i = 0; i < channels; ++i) {
    result[i] = static_cast<float>(all.first[i]);
    result[channels + i] = static_cast<float>(of_moments ? all.second[i] / rows : all.second[i]);
  }
}

}  // namespace reflow
