// Maximum and average poolings and their gradients, channels last.
#pragma once

#include "spec.h"
#include "threads.h"

namespace reflow {

// Computes what `spec` says: from images `given[0]` the pooled ones; from the images, the pooled ones and
// the gradient of those (maximum), or from that gradient alone (average), the gradient of the images.
// A maximum's gradient goes to the first element of a window that is equal to it; padding is no part of an
// average.
void pool_windows(const Spec& spec, const Pool& pool, const void* const* given, void* result);

}  // namespace reflow
