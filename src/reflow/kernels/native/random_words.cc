#include "random_words.h"

#include <algorithm>
#include <cstring>

namespace reflow {
namespace {

constexpr int64_t kTogether = 64;           // blocks whose rounds are done side by side, in vectors
constexpr int64_t kPart = 256 * kTogether;  // blocks that are worth a part of their own
constexpr int64_t kWords = 4;               // of a block
constexpr int kRounds = 10;

// Writes the blocks of `kTogether` numbers.
//
// Compiled for several instruction sets, of which the machine's best one is taken.
__attribute__((target_clones("avx512f", "avx2", "default"))) void blocks(uint64_t key, uint64_t low,
                                                                         uint64_t high,
                                                                         uint32_t* result) {
  uint32_t a[kTogether], b[kTogether], c[kTogether], d[kTogether];
  for (int64_t i = 0; i < kTogether; ++i) {
    const uint64_t lower = low + static_cast<uint64_t>(i), upper = high + (lower < low);
    a[i] = static_cast<uint32_t>(lower);
    b[i] = static_cast<uint32_t>(lower >> 32);
    c[i] = static_cast<uint32_t>(upper);
    d[i] = static_cast<uint32_t>(upper >> 32);
  }
  uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    for (int64_t i = 0; i < kTogether; ++i) {
      const uint64_t product0 = uint64_t{a[i]} * 0xD2511F53u, product1 = uint64_t{c[i]} * 0xCD9E8D57u;
      a[i] = static_cast<uint32_t>(product1 >> 32) ^ b[i] ^ key0;
      b[i] = static_cast<uint32_t>(product1);
      c[i] = static_cast<uint32_t>(product0 >> 32) ^ d[i] ^ key1;
      d[i] = static_cast<uint32_t>(product0);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (int64_t i = 0; i < kTogether; ++i) {
    result[kWords * i] = a[i];
    result[kWords * i + 1] = b[i];
    result[kWords * i + 2] = c[i];
    result[kWords * i + 3] = d[i];
  }
}

}  // namespace

void random_words(const Pool& pool, uint64_t key, uint64_t low, uint64_t high, uint32_t* result,
                  int64_t count) {
  const int64_t all = (count + kWords - 1) / kWords;
  const int64_t parts = (all + kPart - 1) / kPart;
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const int64_t end = std::min(all, (part + int64_t{1}) * kPart);
    for (int64_t at = part * kPart; at < end; at += kTogether) {
      const uint64_t lower = low + static_cast<uint64_t>(at), upper = high + (lower < low);
      const int64_t left = count - kWords * at;
      if (left >= kWords * kTogether) {
        blocks(key, lower, upper, result + kWords * at);
      } else {
        uint32_t last[kWords * kTogether];
        blocks(key, lower, upper, last);
        std::memcpy(result + kWords * at, last, static_cast<std::size_t>(left) * sizeof *last);
      }
    }
  });
}

}  // namespace reflow
