// What follows a convolution, for the pixels of one part while they lie in the cache.
#pragma once

#include "spec.h"

namespace reflow {

// What it takes, as far as a convolution has it: the bias, with `spec.scaled` the factors behind it, and the images
// that are added.
struct Following {
  const float* bias = nullptr;
  const float* added = nullptr;
};

// Does what `spec` says to `count` pixels, of which each has a number for each filter; those of `following.added`
// begin with the first of them. What is no number stays so.
void finish_pixels(const Spec& spec, const Following& following, float* pixels, int64_t count);

}  // namespace reflow
