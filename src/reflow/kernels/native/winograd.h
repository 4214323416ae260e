// Convolutions with windows of 3x3 and steps of one by Winograd's algorithm, and their gradients.
#pragma once

#include <string>

#include "epilogue.h"
#include "spec.h"
#include "threads.h"

namespace reflow {

// The kind of its calls, beside those of spec.h and matrices.h.
constexpr int64_t kWinograd = 12;

// Its name. Throws std::runtime_error when it cannot do what `spec` says, or not on this processor.
std::string winograd_implementation(const Spec& spec);

// Computes what `spec` says, with the operands of `convolve`.
void winograd_convolve(const Spec& spec, const Pool& pool, const void* a, const void* b,
                       const Following& following, void* result);

}  // namespace reflow
