#include "processor.h"

#include <algorithm>
#include <atomic>

namespace reflow {
namespace {

std::atomic<int> limit{kAvx512};

int widest() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 16;
  return __builtin_cpu_supports("avx512f") ? kAvx512 : kAvx2;
}

}  // namespace

int vector_bytes() {
  static const int all = widest();
  return std::min(all, limit.load(std::memory_order_relaxed));
}

void limit_vector_bytes(int most) { limit.store(most, std::memory_order_relaxed); }

}  // namespace reflow
