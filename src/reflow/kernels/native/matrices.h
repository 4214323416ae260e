// Products of batches of matrices over oneDNN; attention and transposed matrices by loops of our own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "attention_head.h"
#include "threads.h"

namespace reflow {

// The kinds of calls, beside those of spec.h.
constexpr int64_t kProduct = 9;
constexpr int64_t kAttention = 10;
constexpr int64_t kAttentionGradient = 13;
constexpr int64_t kTransposition = 14;

// `batch` products [rows, inner] by [inner, columns] of float32. A flipped operand lies transposed.
struct Product {
  int64_t batch, rows, inner, columns;
  bool flip_a, flip_b;

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  Product(const int64_t* numbers, std::size_t count);

  std::vector<int64_t> operands() const;  // how many elements they have
  std::vector<int64_t> results() const;
  // The name of oneDNN's implementation. Throws std::runtime_error when there is only its reference.
  std::string implementation(int threads) const;
  void compute(const Pool& pool, const void* const* given, void* const* results) const;
};

// A matrix [rows, columns] of float32, transposed.
struct Transposition {
  int64_t rows, columns;

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  Transposition(const int64_t* numbers, std::size_t count);

  std::vector<int64_t> operands() const { return {rows * columns}; }
  std::vector<int64_t> results() const { return {rows * columns}; }
  std::string implementation(int threads) const;
  void compute(const Pool& pool, const void* const* given, void* const* results) const;
};

// Attention of float32 (attention_head.h) for a batch of heads. Each operand lies in memory as its steps say;
// the bias broadcasts: where it has a dimension of 1, its step is 0.
//
// The forward pass takes q, k, v and the bias, if there is one, and gives o and, as [2, heads, rows], `most`
// and `sums` of each row. The gradient takes q, k, v, the bias, o, that array and the gradient of o, and gives
// those of q, k and v, which lie as these.
struct Attention {
  struct Operand {
    int64_t elements, row, column;
    std::vector<int64_t> batch;  // steps along the outer dimensions
  };

  bool is_gradient;
  int64_t rows, keys, depth, width;
  double scale;
  bool has_bias;
  std::vector<int64_t> batch;  // the outer dimensions
  Operand q, k, v, bias, o;  // the gradient of o lies as o does

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  Attention(bool is_gradient, const int64_t* numbers, std::size_t count);

  std::vector<int64_t> operands() const;  // how many elements they have
  std::vector<int64_t> results() const;
  std::string implementation(int threads) const;
  void compute(const Pool& pool, const void* const* given, void* const* results) const;

 private:
  Operand read(const int64_t*& numbers, int64_t most_rows, int64_t most_columns) const;
  Head head(int64_t index, const void* const* given, void* const* results) const;
  int64_t heads() const;
};

}  // namespace reflow
