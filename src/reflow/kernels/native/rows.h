// Rows of tables by their numbers.
#pragma once

#include <cstdint>

#include "threads.h"

namespace reflow {

// result[i] = table[at[i]], rows of `bytes` bytes; zeros where the table of `rows` rows has no such row.
template <typename Number>
void look_up_rows(const Pool& pool, const char* table, int64_t rows, int64_t bytes, const Number* at,
                  int64_t count, char* result);

}  // namespace reflow
