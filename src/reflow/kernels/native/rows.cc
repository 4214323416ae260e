#include "rows.h"

#include <algorithm>
#include <cstring>

#include "numbers.h"

namespace reflow {
namespace {

constexpr int64_t kPart = 1 << 19;  // bytes of rows that are worth a part of their own
constexpr int64_t kAhead = 8;       // rows that are fetched from memory before their turn
constexpr int64_t kLine = 64;       // bytes that the processor fetches at a time

// Whether the table has a row of this number, which may be negative.
template <typename Number>
REFLOW_INLINE bool has(int64_t rows, Number number) {
  return static_cast<uint64_t>(static_cast<int64_t>(number)) < static_cast<uint64_t>(rows);
}

template <typename Number>
REFLOW_INLINE void fetch(const char* table, int64_t rows, int64_t bytes, Number number) {
  if (!has(rows, number)) return;
  const char* row = table + number * bytes;
  for (int64_t i = 0; i < std::min(bytes, 8 * kLine); i += kLine) __builtin_prefetch(row + i);
}

}  // namespace

template <typename Number>
void look_up_rows(const Pool& pool, const char* table, int64_t rows, int64_t bytes, const Number* at,
                  int64_t count, char* result) {
  const int64_t parts = std::clamp<int64_t>(bytes * count / kPart, 1, pool.threads);
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    for (int64_t i = begin; i < end; ++i) {
      if (i + kAhead < end) fetch(table, rows, bytes, at[i + kAhead]);
      char* row = result + i * bytes;
      if (has(rows, at[i])) {
        std::memcpy(row, table + at[i] * bytes, static_cast<std::size_t>(bytes));
      } else {
        std::memset(row, 0, static_cast<std::size_t>(bytes));
      }
    }
  });
}

template void look_up_rows(const Pool&, const char*, int64_t, int64_t, const int32_t*, int64_t, char*);
template void look_up_rows(const Pool&, const char*, int64_t, int64_t, const int64_t*, int64_t, char*);

}  // namespace reflow
