#include "random_values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace reflow {
namespace {

constexpr int64_t kTogether = 64;           // blocks that are done side by side, in vectors
constexpr int64_t kPart = 256 * kTogether;  // blocks that are worth a part of their own
constexpr int64_t kWords = 4;               // of a block
constexpr int kRounds = 10;

// Compiled for several instruction sets, of which the machine's best one is taken. AVX-512 has fused
// multiply-adds, which would change the last bits of normal values.
#define REFLOW_INTEGERS __attribute__((target_clones("avx512f", "avx2", "default")))
#define REFLOW_FLOATS __attribute__((target_clones("avx2", "default")))

// `kTogether` blocks, word by word.
struct Blocks {
  uint32_t words[kWords][kTogether];
};

// Numbers of blocks, relative to the counter of the stream.
using Offsets = uint64_t[kTogether];

struct Stream {
  uint64_t key, low, high;
};

REFLOW_INTEGERS void draw_blocks(const Stream& stream, const Offsets& offsets, Blocks* result) {
  uint32_t* const a = result->words[0];
  uint32_t* const b = result->words[1];
  uint32_t* const c = result->words[2];
  uint32_t* const d = result->words[3];
  for (int64_t i = 0; i < kTogether; ++i) {
    const uint64_t lower = stream.low + offsets[i], upper = stream.high + (lower < offsets[i]);
    a[i] = static_cast<uint32_t>(lower);
    b[i] = static_cast<uint32_t>(lower >> 32);
    c[i] = static_cast<uint32_t>(upper);
    d[i] = static_cast<uint32_t>(upper >> 32);
  }
  uint32_t key0 = static_cast<uint32_t>(stream.key), key1 = static_cast<uint32_t>(stream.key >> 32);
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
}

// The transforms take the operations of ops/random/normal_in_place.py in the same order, which says where
// the numbers come from: those of GNU libc's logarithm, sine and cosine of float32.

constexpr double kPi = 3.14159265358979323846;
constexpr float kStep = 0x1p-23f;
constexpr uint32_t kMantissa = 0x7FFFFF;

constexpr double kLogInverse[16] = {
    0x1.661ec79f8f3bep+0, 0x1.571ed4aaf883dp+0, 0x1.49539f0f010bp+0,  0x1.3c995b0b80385p+0,
    0x1.30d190c8864a5p+0, 0x1.25e227b0b8eap+0,  0x1.1bb4a4a1a343fp+0, 0x1.12358f08ae5bap+0,
    0x1.0953f419900a7p+0, 0x1p+0,               0x1.e608cfd9a47acp-1, 0x1.ca4b31f026aap-1,
    0x1.b2036576afce6p-1, 0x1.9c2d163a1aa2dp-1, 0x1.886e6037841edp-1, 0x1.767dcf5534862p-1};
constexpr double kLogValue[16] = {
    -0x1.57bf7808caadep-2, -0x1.2bef0a7c06ddbp-2, -0x1.01eae7f513a67p-2, -0x1.b31d8a68224e9p-3,
    -0x1.6574f0ac07758p-3, -0x1.1aa2bc79c81p-3,   -0x1.a4e76ce8c0e5ep-4, -0x1.1973c5a611cccp-4,
    -0x1.252f438e10c1ep-5, 0x0p+0,                0x1.aa5aa5df25984p-5,  0x1.c5e53aa362eb4p-4,
    0x1.526e57720db08p-3,  0x1.bc2860d22477p-3,   0x1.1058bc8a07ee1p-2,  0x1.4043057b6ee09p-2};

REFLOW_FLOATS void uniform(const uint32_t* words, float* result) {
  for (int64_t i = 0; i < kTogether; ++i) {
    result[i] = static_cast<float>(static_cast<int32_t>(words[i] & kMantissa)) * kStep;
  }
}

// The root of -2 log u, for the uniform values u of the words.
REFLOW_FLOATS void radius(const uint32_t* words, float* result) {
  for (int64_t i = 0; i < kTogether; ++i) {
    const float u = std::max(static_cast<float>(static_cast<int32_t>(words[i] & kMantissa)) * kStep, 1e-7f);
    int32_t bits;
    std::memcpy(&bits, &u, sizeof bits);
    const int32_t offset = bits - 0x3F330000;
    const int32_t exponent = offset >> 23;  // so that what remains lies around 1
    const int32_t place = (offset >> 19) & 15;
    bits -= static_cast<int32_t>(static_cast<uint32_t>(exponent) << 23);
    float reduced;
    std::memcpy(&reduced, &bits, sizeof reduced);
    const double r = static_cast<double>(reduced) * kLogInverse[place] - 1;
    const double start = kLogValue[place] + exponent * 0.693147180559945309417;
    const double r2 = r * r;
    const double high = r2 * -0x1.00ea348b88334p-2 + (r * 0x1.5575b0be00b6ap-2 + -0x1.ffffef20a4123p-2);
    result[i] = std::sqrt(static_cast<float>(high * r2 + (start + r)) * -2.0f);
  }
}

// Sine and cosine of the angles in [0, 2 pi) of the words.
REFLOW_FLOATS void sine_cosine(const uint32_t* words, float* sines, float* cosines) {
  for (int64_t i = 0; i < kTogether; ++i) {
    const double angle = static_cast<int32_t>(words[i] & kMantissa) * (2 * kPi * kStep);
    double x = static_cast<double>(static_cast<float>(angle));
    const int32_t quadrant = static_cast<int32_t>(x * (2 / kPi) + 0.5);
    // In two steps neither product rounds.
    x -= (quadrant >> 1) * kPi;
    x -= (quadrant & 1) * (kPi / 2);
    const double x2 = x * x, x3 = x2 * x, x4 = x2 * x2;
    const double sine = (x3 * -0x1.555545995a603p-3 + x) +
                        (x3 * x2) * (x2 * -0x1.994eb3774cf24p-13 + 0x1.1107605230bc4p-7);
    const double cosine = ((x2 * -0x1.ffffffd0c621cp-2 + 1) + x4 * 0x1.55553e1068f19p-5) +
                          (x4 * x2) * (x2 * 0x1.99343027bf8c3p-16 + -0x1.6c087e89a359dp-10);
    const float sine32 = static_cast<float>(sine), cosine32 = static_cast<float>(cosine);
    uint32_t s, c;
    std::memcpy(&s, &sine32, sizeof s);
    std::memcpy(&c, &cosine32, sizeof c);
    const uint32_t odd = -static_cast<uint32_t>(quadrant & 1);  // such a quadrant swaps the two
    const uint32_t swapped = (s ^ c) & odd;
    s ^= swapped ^ (static_cast<uint32_t>(quadrant) << 30 & 0x80000000u);
    c ^= swapped ^ (static_cast<uint32_t>(quadrant + 1) << 30 & 0x80000000u);
    std::memcpy(&sines[i], &s, sizeof s);
    std::memcpy(&cosines[i], &c, sizeof c);
  }
}

// What is made of each block, value by value.
struct Values {
  float of[kWords][kTogether];
};

REFLOW_FLOATS void normal(const Blocks& blocks, Values* result) {
  for (int pair = 0; pair < 2; ++pair) {
    float* const sines = result->of[2 * pair];
    float* const cosines = result->of[2 * pair + 1];
    float radii[kTogether];
    radius(blocks.words[2 * pair], radii);
    sine_cosine(blocks.words[2 * pair + 1], sines, cosines);
    for (int64_t i = 0; i < kTogether; ++i) {
      sines[i] *= radii[i];
      cosines[i] *= radii[i];
    }
  }
}

// Writes `count` values at the most, those of the first block first.
template <typename T>
void interleave(const T (&lanes)[kWords][kTogether], T* result, int64_t count) {
  if (count >= kWords * kTogether) {
    for (int64_t i = 0; i < kTogether; ++i) {
      for (int64_t lane = 0; lane < kWords; ++lane) result[kWords * i + lane] = lanes[lane][i];
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) result[i] = lanes[i % kWords][i / kWords];
}

// Values of blocks `begin` to `end` of the stream, one after the other.
void draw_in_order(Draw kind, const Stream& stream, int64_t begin, int64_t end, void* result, int64_t count) {
  Offsets offsets;
  Blocks blocks;
  Values values;
  for (int64_t at = begin; at < end; at += kTogether) {
    std::iota(offsets, offsets + kTogether, static_cast<uint64_t>(at));
    draw_blocks(stream, offsets, &blocks);
    const int64_t start = kWords * at;
    if (kind == Draw::kWords) {
      interleave(blocks.words, static_cast<uint32_t*>(result) + start, count - start);
      continue;
    }
    if (kind == Draw::kUniform) {
      for (int64_t lane = 0; lane < kWords; ++lane) uniform(blocks.words[lane], values.of[lane]);
    } else {
      normal(blocks, &values);
    }
    interleave(values.of, static_cast<float*>(result) + start, count - start);
  }
}

// Values of the groups `begin` to `end`. A group takes normals of its own stretch of the stream, of which
// those in (-2, 2) count, until it has four; what it has in excess is dropped.
void draw_truncated(const Stream& stream, int64_t begin, int64_t end, float* result, int64_t count) {
  constexpr int64_t kStretch = 256;  // blocks of a group: 256 for each of four outputs, of four bytes
  struct Group {
    int64_t number;
    int filled;
  };
  std::vector<Group> left;
  left.reserve(static_cast<std::size_t>(end - begin));
  for (int64_t number = begin; number < end; ++number) left.push_back({number, 0});
  Offsets offsets = {};
  Blocks blocks;
  Values values;
  for (int64_t round = 0; !left.empty(); ++round) {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < left.size(); at += kTogether) {
      const std::size_t size = std::min<std::size_t>(kTogether, left.size() - at);
      for (std::size_t i = 0; i < size; ++i) {
        offsets[i] = static_cast<uint64_t>(kStretch * left[at + i].number + round);
      }
      draw_blocks(stream, offsets, &blocks);
      normal(blocks, &values);
      for (std::size_t i = 0; i < size; ++i) {
        Group group = left[at + i];
        for (int lane = 0; lane < kWords && group.filled < kWords; ++lane) {
          const float value = values.of[lane][i];
          if (!(std::fabs(value) < 2)) continue;
          const int64_t place = kWords * group.number + group.filled++;
          if (place < count) result[place] = value;
        }
        if (group.filled < kWords) left[kept++] = group;
      }
    }
    left.resize(kept);
  }
}

}  // namespace

void random_values(const Pool& pool, Draw kind, uint64_t key, uint64_t low, uint64_t high, void* result,
                   int64_t count) {
  if (kind < Draw::kWords || kind > Draw::kTruncatedNormal) throw std::invalid_argument("no such draw");
  const Stream stream{key, low, high};
  const int64_t all = (count + kWords - 1) / kWords;  // blocks, or groups
  const int64_t parts = (all + kPart - 1) / kPart;
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const int64_t begin = part * kPart, end = std::min(all, begin + kPart);
    if (kind == Draw::kTruncatedNormal) {
      draw_truncated(stream, begin, end, static_cast<float*>(result), count);
    } else {
      draw_in_order(kind, stream, begin, end, result, count);
    }
  });
}

}  // namespace reflow
