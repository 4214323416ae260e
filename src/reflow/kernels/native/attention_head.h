// Attention of one head and its gradient, on one thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reflow {

// A matrix as it lies in memory: steps from row to row and from column to column.
struct Matrix {
  float* data = nullptr;
  int64_t row = 0, column = 0;

  Matrix from(int64_t first) const { return {data + first * row, row, column}; }
};

// o = softmax(scale * q k' + bias) v: q [rows, depth], k [keys, depth], v [keys, width], o [rows, width].
//
// `most` and `sums` are, per row, the largest logit and the sum of the exponentials of what the others are
// below it: the forward pass writes them, the gradient makes the weights anew with them.
struct Head {
  int64_t rows, keys, depth, width;
  float scale;
  Matrix q, k, v, bias, o;  // without a bias, its data is null
  float *most, *sums;
  Matrix g, to_q, to_k, to_v;  // of the gradient: that of o, and those that it makes
};

// Bytes that the functions below need beside.
std::size_t attention_room(const Head& head);
std::size_t attention_gradient_room(const Head& head);

// Rows that are worked on at a time.
constexpr int64_t kAttentionRows = 128;

// The rows of `o` from `begin` to `end`.
void attend(const Head& head, int64_t begin, int64_t end, char* room);
void differentiate(const Head& head, char* room);

// The instructions that the two use, for `reflow explain`.
const char* attention_instructions();

}  // namespace reflow
