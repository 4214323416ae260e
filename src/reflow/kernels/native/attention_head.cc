// The weights of a block of rows and keys stay in the cache and are never stored.
//
// The sums over the keys so far are kept for the largest logit so far, and multiplied when a larger one comes
// (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018). The gradient makes the weights
// anew, block by block (Dao, FlashAttention-2, 2023).
//
// Products are loops of our own: oneDNN takes a microsecond or two for a call, brings operands into an order
// of its own for each, and knows no matrix that lies between other heads' numbers. Here a head's operands are
// packed once, some of them transposed, and all products with them take them as they are.

#include "attention_head.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "packing.h"
#include "processor.h"
#include "scratch.h"

namespace reflow {
namespace {

constexpr int64_t kRows = kAttentionRows;
constexpr int64_t kKeys = 256;  // keys at a time: two blocks of weights, of 128 KiB each, stay in the cache
constexpr int64_t kLine = 16;   // numbers of a cache line, and of the longest vector
constexpr float kNone = -std::numeric_limits<float>::infinity();

// From row to row of a packed matrix: an odd number of cache lines, so that a column does not fall on a few
// places of the cache only.
int64_t step_of(int64_t columns) { return ((columns + kLine - 1) / kLine | 1) * kLine; }

// Divides room into arrays.
class Packer {
 public:
  explicit Packer(char* room) : room_(room) {}

  float* take(int64_t count) {
    float* data = reinterpret_cast<float*>(room_ + taken_);
    taken_ += aligned(sizeof(float) * count);
    return data;
  }

 private:
  char* room_;
  std::size_t taken_ = 0;
};

#define REFLOW_LOOPS "attention_loops.inc"
#include "every_vector.inc"

struct Loops {
  const char* name;
  void (*attend)(const Head&, int64_t, int64_t, char*);
  void (*differentiate)(const Head&, char*);
};

const Loops& loops() {
  static const Loops wide{"loops, AVX-512", avx512::attend, avx512::differentiate};
  static const Loops narrower{"loops, AVX2", avx2::attend, avx2::differentiate};
  static const Loops least{"loops", plain::attend, plain::differentiate};
  return vector_bytes() == kAvx512 ? wide : vector_bytes() == kAvx2 ? narrower : least;
}

}  // namespace

std::size_t attention_room(const Head& h) {
  return sizeof(float) * (h.depth * step_of(h.keys) + h.keys * step_of(h.width) +
                          kRows * (step_of(h.depth) + step_of(std::min(h.keys, kKeys)) + step_of(h.width)));
}

std::size_t attention_gradient_room(const Head& h) {
  const int64_t deep = step_of(h.depth), wide = step_of(h.width);
  return sizeof(float) *
         (h.rows * (2 * deep + wide) + h.keys * deep + (h.depth + h.width) * step_of(h.keys) +
          kKeys * (deep + wide) + 2 * kRows * step_of(std::min(h.keys, kKeys)) + step_of(h.rows));
}

void attend(const Head& head, int64_t begin, int64_t end, char* room) {
  loops().attend(head, begin, end, room);
}

void differentiate(const Head& head, char* room) { loops().differentiate(head, room); }

const char* attention_instructions() { return loops().name; }

}  // namespace reflow
