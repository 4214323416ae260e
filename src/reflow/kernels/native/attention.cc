// Attention by blocks of rows and of keys: the weights of a block stay in the cache and are never stored.
//
// The sums over the keys so far are kept for the largest logit so far, and multiplied when a larger one
// comes (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018).

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#include "engine.h"
#include "matrices.h"
#include "matrix_product.h"
#include "scratch.h"

// One machine code for each of these sets of instructions; the loader takes the best.
#define REFLOW_VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))

namespace reflow {
namespace {

constexpr int64_t kKeys = 512;            // keys at a time
constexpr int64_t kWeights = 128 * kKeys;  // weights at a time: 256 KiB, which stay in the cache
constexpr int kPartsPerThread = 4;
constexpr int64_t kMost = int64_t{1} << 31;
constexpr float kNone = -std::numeric_limits<float>::infinity();

void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(std::string("attention with ") + what);
}

// e to the power x <= 0, to 1 or 2 units of the last place; 0 below the smallest normal number.
inline __attribute__((always_inline)) float exp_below(float x) {
  constexpr float kSmallest = -87.3f, kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds
  const float y = x < kSmallest ? kSmallest : x;
  const float rounded = y * 1.44269504f + kRound;
  const float n = rounded - kRound;
  const float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;  // the polynomial of Cephes
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  uint32_t bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  bits = (bits + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return x < kSmallest ? 0.0f : p * power;
}

// Makes logits of products; the largest of them, or `most` if that is larger.
REFLOW_VECTORS float make_logits(float* s, int64_t n, float scale, const float* bias, int64_t step, float most) {
  if (bias == nullptr) {
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < n; ++i) {
      s[i] *= scale;
      most = s[i] > most ? s[i] : most;
    }
  } else if (step == 0) {
    const float same = *bias;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < n; ++i) {
      s[i] = s[i] * scale + same;
      most = s[i] > most ? s[i] : most;
    }
  } else {
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < n; ++i) {
      s[i] = s[i] * scale + bias[i];
      most = s[i] > most ? s[i] : most;
    }
  }
  return most;
}

// Makes weights of logits; their sum.
REFLOW_VECTORS float make_weights(float* s, int64_t n, float shift) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    s[i] = exp_below(s[i] - shift);
    sum += s[i];
  }
  return sum;
}

REFLOW_VECTORS void multiply(float* y, int64_t n, float factor) {
  for (int64_t i = 0; i < n; ++i) y[i] *= factor;
}

REFLOW_VECTORS float power(float x) { return exp_below(x); }

// How the work is divided: into blocks of some rows of one head, or of some whole heads.
struct Blocks {
  int64_t heads, rows, keys;  // of a block at the most
  int64_t per_head, count;    // row blocks of a head; blocks in all

  Blocks(const Attention& a, int64_t all_heads, int64_t parts) {
    keys = std::min(a.keys, kKeys);
    rows = std::min(a.rows, kWeights / keys);
    // A call of oneDNN takes a microsecond or two: a small head is not worth it.
    const bool whole = rows == a.rows && keys == a.keys;
    heads = whole ? std::clamp<int64_t>(kWeights / (rows * keys), 1, (all_heads + parts - 1) / parts) : 1;
    per_head = (a.rows + rows - 1) / rows;
    count = (all_heads + heads - 1) / heads * per_head;
  }
};

// The two products of a block.
struct Step {
  std::shared_ptr<const MatrixProduct> logits, values;
};

Step step_of(const Attention& a, int64_t heads, int64_t rows, int64_t keys, bool adds) {
  ProductShape logits{heads, rows, a.depth, keys, false, !a.flip_k};
  logits.a_step = a.depth;
  logits.b_step = a.flip_k ? a.keys : a.depth;
  logits.c_step = keys;
  logits.a_batch = rows * a.depth, logits.b_batch = a.keys * a.depth, logits.c_batch = rows * keys;
  ProductShape values{heads, rows, keys, a.width};
  values.a_step = keys;
  values.b_step = values.c_step = a.width;
  values.a_batch = rows * keys, values.b_batch = a.keys * a.width, values.c_batch = rows * a.width;
  values.adds = adds;
  return {MatrixProduct::of(logits), MatrixProduct::of(values)};
}

// The steps of all blocks: the last heads, rows and keys may be fewer, and all but the first keys' add.
class Steps {
 public:
  Steps(const Attention& a, const Blocks& blocks, int64_t all_heads) {
    for (int64_t heads : {blocks.heads, all_heads % blocks.heads}) {
      for (int64_t rows : {blocks.rows, a.rows % blocks.rows}) {
        for (int64_t keys : {blocks.keys, a.keys % blocks.keys}) {
          for (bool adds : {false, true}) {
            if (heads * rows * keys == 0 || (adds && a.keys == blocks.keys)) continue;
            Step& step = all_[{heads, rows, keys, adds}];
            step = step_of(a, heads, rows, keys, adds);
            room_ = std::max({room_, step.logits->room(), step.values->room()});
          }
        }
      }
    }
  }

  const Step& of(int64_t heads, int64_t rows, int64_t keys, bool adds) const {
    return all_.at({heads, rows, keys, adds});
  }
  std::size_t room() const { return room_; }

 private:
  std::map<std::array<int64_t, 4>, Step> all_;
  std::size_t room_ = 0;
};

// What is given to a block.
struct Block {
  int64_t heads, rows;
  const float *q, *k, *v;
  std::vector<const float*> bias;  // of each head; empty without one
  float* result;
};

// Where a block is worked on: its weights, what oneDNN needs, and per row the largest logit and the sum.
struct Room {
  float* weights;
  char* scratchpad;
  float *most, *sum;

  Room(char* data, const Blocks& b) {
    weights = reinterpret_cast<float*>(data);
    most = reinterpret_cast<float*>(data + aligned(sizeof(float) * b.heads * b.rows * b.keys));
    sum = most + b.heads * b.rows;
    scratchpad = data + size(b, 0);
  }

  // Bytes, with those that the products need.
  static std::size_t size(const Blocks& b, std::size_t for_products) {
    return aligned(sizeof(float) * b.heads * b.rows * b.keys) + aligned(2 * sizeof(float) * b.heads * b.rows) +
           for_products;
  }
};

void attend(const Attention& a, const Steps& steps, const Block& block, const Room& room,
            dnnl::stream& stream) {
  const auto scale = static_cast<float>(a.scale);
  const int64_t rows = block.heads * block.rows;
  for (int64_t key = 0; key < a.keys; key += kKeys) {
    const int64_t keys = std::min(kKeys, a.keys - key);
    const Step& step = steps.of(block.heads, block.rows, keys, key > 0);
    step.logits->run(stream, block.q, block.k + key * (a.flip_k ? 1 : a.depth), room.weights,
                     room.scratchpad);
    for (int64_t i = 0; i < rows; ++i) {
      float* s = room.weights + i * keys;
      const float* bias = nullptr;
      if (!block.bias.empty()) {
        bias = block.bias[i / block.rows] + i % block.rows * a.bias_row + key * a.bias_key;
      }
      const float before = key == 0 ? kNone : room.most[i];
      const float most = make_logits(s, keys, scale, bias, a.bias_key, before);
      // Where all logits so far are minus infinity there is nothing to subtract.
      const float sum = make_weights(s, keys, most == kNone ? 0.0f : most);
      room.most[i] = most;
      if (key == 0) {
        room.sum[i] = sum;
      } else {
        const float factor = most == before ? 1.0f : power(before - most);
        room.sum[i] = room.sum[i] * factor + sum;
        if (factor != 1.0f) multiply(block.result + i * a.width, a.width, factor);
      }
    }
    step.values->run(stream, room.weights, block.v + key * a.width, block.result, room.scratchpad);
  }
  for (int64_t i = 0; i < rows; ++i) {
    multiply(block.result + i * a.width, a.width, 1.0f / room.sum[i]);
  }
}

int64_t product_of(const std::vector<int64_t>& sizes) {
  int64_t total = 1;
  for (int64_t n : sizes) total *= n;
  return total;
}

}  // namespace

Attention::Attention(const int64_t* n, std::size_t count) {
  require(count >= 10, "too few numbers");
  const int64_t rank = n[9];
  require(rank >= 0 && rank < 64 && count == 10 + 2 * static_cast<std::size_t>(rank),
          "a wrong number of numbers");
  rows = n[0], keys = n[1], depth = n[2], width = n[3];
  flip_k = n[4] != 0;
  std::memcpy(&scale, &n[5], sizeof scale);
  bias_elements = n[6], bias_row = n[7], bias_key = n[8];
  batch.assign(n + 10, n + 10 + rank);
  bias_steps.assign(n + 10 + rank, n + count);
  double most = 4.0;
  const auto measure = [&most](int64_t size) {
    require(size > 0 && size < kMost, "sizes not above 0");
    most *= static_cast<double>(size);
  };
  for (int i = 0; i < 4; ++i) measure(n[i]);
  for (int64_t size : batch) measure(size);
  require(most < static_cast<double>(std::numeric_limits<int64_t>::max()), "sizes beyond memory");
  // The last element of the bias that is looked at must be there.
  require(bias_elements >= 0 && bias_row >= 0 && (bias_key == 0 || bias_key == 1), "a wrong bias");
  double last = static_cast<double>(bias_row) * (rows - 1) + static_cast<double>(bias_key) * (keys - 1);
  for (int64_t i = 0; i < rank; ++i) {
    require(bias_steps[i] >= 0, "a wrong bias");
    last += static_cast<double>(bias_steps[i]) * (batch[i] - 1);
  }
  require(bias_elements == 0 || last < static_cast<double>(bias_elements), "a bias that is too small");
}

std::vector<int64_t> Attention::sizes() const {
  const int64_t count = product_of(batch);
  std::vector<int64_t> result = {count * rows * depth, count * keys * depth, count * keys * width};
  if (bias_elements > 0) result.push_back(bias_elements);
  result.push_back(count * rows * width);
  return result;
}

std::string Attention::implementation(int threads) const {
  const int64_t heads = product_of(batch);
  const Blocks blocks(*this, heads, kPartsPerThread * threads);
  return Steps(*this, blocks, heads).of(blocks.heads, blocks.rows, blocks.keys, false).logits->name();
}

void Attention::compute(const Pool& pool, const void* const* given, void* result) const {
  const int64_t all_heads = product_of(batch), most_parts = kPartsPerThread * pool.threads;
  const Blocks blocks(*this, all_heads, most_parts);
  const Steps steps(*this, blocks, all_heads);
  const int64_t each = (blocks.count + most_parts - 1) / most_parts;
  const int parts = static_cast<int>((blocks.count + each - 1) / each);
  const std::size_t size = Room::size(blocks, steps.room());
  Scratch scratch(size * std::min(parts, pool.threads));
  const auto data = [given](int i) { return static_cast<const float*>(given[i]); };
  in_parts(pool, parts, [&](int part, int slot) {
    const Room room(scratch.data() + slot * size, blocks);
    dnnl::stream stream(engine());
    for (int64_t i = part * each; i < std::min((part + 1) * each, blocks.count); ++i) {
      const int64_t head = i / blocks.per_head * blocks.heads, row = i % blocks.per_head * blocks.rows;
      Block block{std::min(blocks.heads, all_heads - head),
                  std::min(blocks.rows, rows - row),
                  data(0) + (head * rows + row) * depth,
                  data(1) + head * keys * depth,
                  data(2) + head * keys * width,
                  {},
                  static_cast<float*>(result) + (head * rows + row) * width};
      for (int64_t h = 0; bias_elements > 0 && h < block.heads; ++h) {
        block.bias.push_back(data(3) + bias_of(head + h) + row * bias_row);
      }
      attend(*this, steps, block, room, stream);
    }
  });
}

int64_t Attention::bias_of(int64_t head) const {
  int64_t place = 0;
  for (std::size_t axis = batch.size(); axis-- > 0;) {
    place += head % batch[axis] * bias_steps[axis];
    head /= batch[axis];
  }
  return place;
}

}  // namespace reflow
