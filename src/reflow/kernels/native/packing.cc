#include "packing.h"

#include <algorithm>

#include "processor.h"

namespace reflow {
namespace {

namespace plain {
#define REFLOW_TARGET
#define REFLOW_LANES 4
#include "packing_loops.inc"
#undef REFLOW_TARGET
#undef REFLOW_LANES
}  // namespace plain

namespace avx2 {
#define REFLOW_TARGET __attribute__((target("avx2,fma")))
#define REFLOW_LANES 8
#include "packing_loops.inc"
#undef REFLOW_TARGET
#undef REFLOW_LANES
}  // namespace avx2

namespace avx512 {
#define REFLOW_TARGET __attribute__((target("avx512f,avx2,fma")))
#define REFLOW_LANES 16
#include "packing_loops.inc"
#undef REFLOW_TARGET
#undef REFLOW_LANES
}  // namespace avx512

}  // namespace

void transpose(const float* from, int64_t rows, int64_t columns, int64_t from_step, float* to,
               int64_t to_step) {
  const int bytes = vector_bytes();
  const auto loops = bytes == kAvx512 ? avx512::transpose : bytes == kAvx2 ? avx2::transpose : plain::transpose;
  loops(from, rows, columns, from_step, to, to_step);
}

}  // namespace reflow
