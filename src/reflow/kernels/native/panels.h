// Products whose right sides are read in panels: those of one that many products take, and those with a transposed
// left side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "threads.h"

namespace reflow {

// The kind of the call, beside those of spec.h and matrices.h.
constexpr int64_t kPanelProduct = 11;
constexpr int64_t kPanels = 15;
constexpr int64_t kTransposedProduct = 16;
constexpr int64_t kPanel = 16;  // columns of a panel

// [rows, inner] by [inner, columns] of float32. The right side comes in panels [inner, kPanel], one after the
// other, of which the last is filled up: a panel is read from its first number to its last, and stays in the
// cache while the rows pass. In rows of many columns each row would be on a memory page of its own.
struct PanelProduct {
  int64_t rows, inner, columns;

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  PanelProduct(const int64_t* numbers, std::size_t count);

  int64_t panels() const { return (columns + kPanel - 1) / kPanel; }
  std::vector<int64_t> operands() const;  // how many elements they have
  std::vector<int64_t> results() const { return {rows * columns}; }
  // Throws std::runtime_error on processors for which there is no good implementation.
  std::string implementation(int threads) const;
  void compute(const Pool& pool, const void* const* given, void* const* results) const;
};

// The panels of a matrix [inner, columns] of float32, or, if it is flipped, of the transpose of one [columns, inner].
struct Panels {
  int64_t inner, columns;
  bool flip;

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  Panels(const int64_t* numbers, std::size_t count);

  int64_t panels() const { return (columns + kPanel - 1) / kPanel; }
  std::vector<int64_t> operands() const { return {inner * columns}; }
  std::vector<int64_t> results() const { return {panels() * inner * kPanel}; }
  std::string implementation(int) const { return "loops"; }
  void compute(const Pool& pool, const void* const* given, void* const* results) const;
};

// The transpose of [inner, rows] by [inner, columns] of float32, which is the gradient of a matrix that many rows
// were multiplied by. Of both sides some rows at a time are gone over, so that they stay in the cache, those of the
// right side brought into panels first: the left one is read a few columns at a time as it is.
struct TransposedProduct {
  int64_t rows, inner, columns;

  // Throws std::invalid_argument when the numbers (after the kind) are none.
  TransposedProduct(const int64_t* numbers, std::size_t count);

  int64_t panels() const { return (columns + kPanel - 1) / kPanel; }
  std::vector<int64_t> operands() const { return {inner * rows, inner * columns}; }
  std::vector<int64_t> results() const { return {rows * columns}; }
  // Throws std::runtime_error on processors for which there is no good implementation.
  std::string implementation(int threads) const;
  void compute(const Pool& pool, const void* const* given, void* const* results) const;
};

}  // namespace reflow
