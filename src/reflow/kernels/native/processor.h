// What the processor can do: the loops that say their vectors themselves are chosen by this.
#pragma once

namespace reflow {

constexpr int kAvx2 = 32, kAvx512 = 64;

// The bytes of the widest vectors of numbers: kAvx512, kAvx2 (with FMA both), or 16 for less.
inline int vector_bytes() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 16;
  return __builtin_cpu_supports("avx512f") ? kAvx512 : kAvx2;
}

}  // namespace reflow
