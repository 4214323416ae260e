// Numbers in memory, read and written as float32, and loops over them.
#pragma once

#include <cstdint>
#include <cstring>

// The loops are compiled for several instruction sets, of which the machine's best one is taken.
#define REFLOW_FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#define REFLOW_INLINE inline __attribute__((always_inline))

namespace reflow {

struct BFloat16 {
  uint16_t bits;
};

REFLOW_INLINE float load(float x) { return x; }
REFLOW_INLINE float load(BFloat16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}
REFLOW_INLINE void store(float value, float* x) { *x = value; }
REFLOW_INLINE void store(float value, BFloat16* x) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  // To the nearest, ties to even; what is no number stays none.
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  x->bits = static_cast<uint16_t>(value != value ? (bits >> 16) | 0x40 : rounded);
}

}  // namespace reflow
