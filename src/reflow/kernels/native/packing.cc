#include "packing.h"

#include <algorithm>

#include "processor.h"

namespace reflow {
namespace {

#define REFLOW_LOOPS "packing_loops.inc"
#include "every_vector.inc"

}  // namespace

void transpose(const float* from, int64_t rows, int64_t columns, int64_t from_step, float* to,
               int64_t to_step) {
  const int bytes = vector_bytes();
  const auto loops = bytes == kAvx512 ? avx512::transpose : bytes == kAvx2 ? avx2::transpose : plain::transpose;
  loops(from, rows, columns, from_step, to, to_step);
}

}  // namespace reflow
