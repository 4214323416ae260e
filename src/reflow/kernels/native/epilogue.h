// What is done to the results of a convolution while they lie in the cache.
#pragma once

#include "spec.h"

namespace reflow {

// Adds `bias`, a number for each filter, to `count` pixels, multiplies them before by what follows the bias, and
// bounds them below, and above, where the spec says so. What is no number stays so.
void finish_pixels(const Spec& spec, const float* bias, float* pixels, int64_t count);

}  // namespace reflow
