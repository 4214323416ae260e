#include "epilogue.h"

namespace reflow {
namespace {

// Compilers make vectors of a choice between numbers, not of a branch.
template <bool kScaled, bool kAdds, typename Bound>
void each_pixel(const Spec& spec, const Following& following, float* pixels, int64_t count, const Bound& bound) {
  const int64_t filters = spec.filters;
  const float *const bias = following.bias, *const scale = bias + filters;
  const float* other = following.added;
  for (int64_t i = 0; i < count; ++i, pixels += filters) {
#pragma omp simd
    for (int64_t j = 0; j < filters; ++j) {
      const float y = kScaled ? pixels[j] * scale[j] + bias[j] : pixels[j] + bias[j];
      pixels[j] = bound(kAdds ? y + other[j] : y);
    }
    if (kAdds) other += filters;
  }
}

template <typename Bound>
void with(const Spec& spec, const Following& following, float* pixels, int64_t count, const Bound& bound) {
  const auto loop = spec.scaled ? (spec.adds ? each_pixel<true, true, Bound> : each_pixel<true, false, Bound>)
                                : (spec.adds ? each_pixel<false, true, Bound> : each_pixel<false, false, Bound>);
  loop(spec, following, pixels, count, bound);
}

}  // namespace

void finish_pixels(const Spec& spec, const Following& following, float* pixels, int64_t count) {
  switch (spec.after) {
    case After::kNothing:
      break;
    case After::kBias:
      with(spec, following, pixels, count, [](float x) { return x; });
      break;
    case After::kRelu:
      with(spec, following, pixels, count, [](float x) { return x < 0.0f ? 0.0f : x; });
      break;
    case After::kRelu6:
      with(spec, following, pixels, count, [](float x) {
        const float low = x < 0.0f ? 0.0f : x;
        return low > 6.0f ? 6.0f : low;
      });
      break;
  }
}

}  // namespace reflow
