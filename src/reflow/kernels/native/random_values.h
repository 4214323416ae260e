// Random values: what Philox4x32-10 and the transforms of ops/random make of a key and a counter, bit for bit.
#pragma once

#include <cstdint>

#include "threads.h"

namespace reflow {

// What is drawn. The numbers are known to kernels/random_values.py.
enum class Draw : int64_t {
  kWords = 0,            // uint32: the words of the stream
  kUniform = 1,          // float32 in [0, 1), one of each word
  kNormal = 2,           // float32, two of each pair of words
  kTruncatedNormal = 3,  // float32 in (-2, 2); each group of four has a stretch of the stream to itself
};

// Writes the first `count` values, of four bytes each, of the stream of `key` that begins at the block with
// the number `low`, `high`.
//
// Throws std::invalid_argument for a kind that does not exist.
void random_values(const Pool& pool, Draw kind, uint64_t key, uint64_t low, uint64_t high, void* result,
                   int64_t count);

}  // namespace reflow
