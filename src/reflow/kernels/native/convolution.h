// Convolutions and their gradients over oneDNN.
#pragma once

#include "epilogue.h"
#include "spec.h"
#include "threads.h"

namespace reflow {

// Computes what `spec` says: from images `a` and a filter `b` the output (forward), with what is `following`, from
// a filter `a` and the gradient of the output `b` that of the input, from images `a` and the gradient of the output
// `b` that of the filter.
//
// Throws std::runtime_error or dnnl::error when oneDNN cannot.
void convolve(const Spec& spec, const Pool& pool, const void* a, const void* b, const Following& following,
              void* result);

// The name of oneDNN's implementation. Throws std::runtime_error when there is none that is worth it.
std::string convolution_implementation(const Spec& spec, int threads);

}  // namespace reflow
