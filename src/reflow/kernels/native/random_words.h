// Random words: the blocks of Philox4x32-10, one after the other (see ops/random/philox.py).
#pragma once

#include <cstdint>

#include "threads.h"

namespace reflow {

// Writes the first `count` words of the stream of `key`, from the block with the number `low`, `high` on.
void random_words(const Pool& pool, uint64_t key, uint64_t low, uint64_t high, uint32_t* result,
                  int64_t count);

}  // namespace reflow
