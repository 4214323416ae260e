// Matrices that are brought into the order in which a loop takes them.
#pragma once

#include <cstdint>

namespace reflow {

// to [columns, rows] = the transpose of from [rows, columns]; steps are from row to row.
//
// It writes as it reads, with few numbers between, which is best for what is packed: the steps of `to` are
// chosen so that its rows share no places of the cache. For steps of 4 KiB `Transposition` takes half the time.
void transpose(const float* from, int64_t rows, int64_t columns, int64_t from_step, float* to,
               int64_t to_step);

}  // namespace reflow
