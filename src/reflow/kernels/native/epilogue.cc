#include "epilogue.h"

#include <algorithm>

namespace reflow {
namespace {

constexpr int64_t kPartElements = int64_t{1} << 17;

// Compilers make vectors of a choice between numbers, not of a branch.
template <typename Bound>
void each_pixel(const float* bias, float* pixels, int64_t count, int64_t filters, const Bound& bound) {
  for (int64_t i = 0; i < count; ++i, pixels += filters) {
#pragma omp simd
    for (int64_t j = 0; j < filters; ++j) pixels[j] = bound(pixels[j] + bias[j]);
  }
}

}  // namespace

void finish_pixels(const Spec& spec, const float* bias, float* pixels, int64_t count) {
  switch (spec.after) {
    case After::kNothing:
      break;
    case After::kBias:
      each_pixel(bias, pixels, count, spec.filters, [](float x) { return x; });
      break;
    case After::kRelu:
      each_pixel(bias, pixels, count, spec.filters, [](float x) { return x < 0.0f ? 0.0f : x; });
      break;
    case After::kRelu6:
      each_pixel(bias, pixels, count, spec.filters, [](float x) {
        const float low = x < 0.0f ? 0.0f : x;
        return low > 6.0f ? 6.0f : low;
      });
      break;
  }
}

void finish(const Spec& spec, const Pool& pool, const float* bias, float* result) {
  if (spec.after == After::kNothing) return;
  const int64_t pixels = spec.batch * spec.output_pixels();
  const int64_t each = std::max<int64_t>(kPartElements / spec.filters, 1);
  in_parts(pool, static_cast<int>((pixels + each - 1) / each), [&](int part, int) {
    const int64_t first = part * each;
    finish_pixels(spec, bias, result + first * spec.filters, std::min(each, pixels - first));
  });
}

}  // namespace reflow
