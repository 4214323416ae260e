// What the processor can do: the loops that say their vectors themselves are chosen by this.
#pragma once

#include <algorithm>
#include <atomic>

namespace reflow {

constexpr int kAvx2 = 32, kAvx512 = 64;

// The most that may be used: less than there is to try the loops for other processors.
inline std::atomic<int> most_vector_bytes{kAvx512};

// The bytes of the widest vectors of numbers: kAvx512, kAvx2 (with FMA both), or 16 for less.
inline int vector_bytes() {
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const int there = !has_avx2 ? 16 : __builtin_cpu_supports("avx512f") ? kAvx512 : kAvx2;
  return std::min<int>(there, most_vector_bytes);
}

}  // namespace reflow
