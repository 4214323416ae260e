// Products of batches of matrices, and attention, over oneDNN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "threads.h"

namespace reflow {

// The kinds of calls, beside those of spec.h.
constexpr int64_t kProduct = 9;
constexpr int64_t kAttention = 10;

// `batch` products [rows, inner] by [inner, columns] of float32. A flipped operand lies transposed.
struct Product {
  int64_t batch, rows, inner, columns;
  bool flip_a, flip_b;

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  Product(const int64_t* numbers, std::size_t count);

  // How many elements each operand has, and at the end the result.
  std::vector<int64_t> sizes() const;
  // The name of oneDNN's implementation. Throws std::runtime_error when there is only its reference.
  std::string implementation(int threads) const;
  void compute(const Pool& pool, const void* const* given, void* result) const;
};

// softmax(scale * q k' + bias) v of float32: q [batch, rows, depth], k [batch, keys, depth], or transposed,
// v [batch, keys, width]. The bias broadcasts: where it has a dimension of 1, its step is 0.
struct Attention {
  int64_t rows, keys, depth, width;
  bool flip_k;
  double scale;
  int64_t bias_elements;  // 0: there is none
  int64_t bias_row, bias_key;
  std::vector<int64_t> batch, bias_steps;  // the outer dimensions, and the bias's steps along them

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  Attention(const int64_t* numbers, std::size_t count);

  std::vector<int64_t> sizes() const;
  std::string implementation(int threads) const;
  void compute(const Pool& pool, const void* const* given, void* result) const;

 private:
  // Where the bias of a head begins.
  int64_t bias_of(int64_t head) const;
};

}  // namespace reflow
