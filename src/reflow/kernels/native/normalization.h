// Sums over images for batch normalizations and their gradients, channels last.
#pragma once

#include "spec.h"
#include "threads.h"

namespace reflow {

// Computes what `spec` says, for each channel: kMoments: from images `given[0]` the mean and the variance (that
// of all there are, not an estimate); kGradientSums: from the gradient `given[0]`, images `given[1]` and the
// means `given[2]` the sum of the gradient, and of its product with what the images differ from the mean.
// `result` is [2, channels].
void sum_channels(const Spec& spec, const Pool& pool, const void* const* given, float* result);

}  // namespace reflow
