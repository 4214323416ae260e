#include "epilogue.h"

namespace reflow {
namespace {

// Compilers make vectors of a choice between numbers, not of a branch.
template <typename Bound>
void each_pixel(const Spec& spec, const float* bias, float* pixels, int64_t count, const Bound& bound) {
  const int64_t filters = spec.filters;
  const float* const scale = bias + filters;
  for (int64_t i = 0; i < count; ++i, pixels += filters) {
    if (spec.scaled) {
#pragma omp simd
      for (int64_t j = 0; j < filters; ++j) pixels[j] = bound(pixels[j] * scale[j] + bias[j]);
    } else {
#pragma omp simd
      for (int64_t j = 0; j < filters; ++j) pixels[j] = bound(pixels[j] + bias[j]);
    }
  }
}

}  // namespace

void finish_pixels(const Spec& spec, const float* bias, float* pixels, int64_t count) {
  switch (spec.after) {
    case After::kNothing:
      break;
    case After::kBias:
      each_pixel(spec, bias, pixels, count, [](float x) { return x; });
      break;
    case After::kRelu:
      each_pixel(spec, bias, pixels, count, [](float x) { return x < 0.0f ? 0.0f : x; });
      break;
    case After::kRelu6:
      each_pixel(spec, bias, pixels, count, [](float x) {
        const float low = x < 0.0f ? 0.0f : x;
        return low > 6.0f ? 6.0f : low;
      });
      break;
  }
}

}  // namespace reflow
