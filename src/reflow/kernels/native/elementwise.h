// Element-wise operations on matrices of one shape, and what is reduced over their rows, in one pass over memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "threads.h"

namespace reflow {

// As in ../elementwise.py.
enum class Operation : int64_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kMaximum,
  kMinimum,
  kNegate,
  kAbsolute,
  kSquareRoot,
  kReciprocalSquareRoot,
  kCopy,
  kExponential,
  kTanh,
  kLogistic,
  kSelect,  // the third where the first is 0, the second elsewhere
  kEqual,   // comparisons give 1 or 0
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kLogarithm,
  kRowSum,  // a number of each row from all of its elements
  kRowMaximum,
  kSpread,  // the elements of each row from its number
};

// An array that is given, or comes out.
struct ElementArray {
  void* data;
  int64_t elements;
  bool is_mask;  // bytes, 0 or 1; else float32
};

// What to do with each element and each row. Values have numbers: first what is read, then constants, what is
// written, temporary values, and those that last.
//
// A row that is reduced is gone over again for what takes its sum: in each pass, all steps on elements are done
// block by block, then those on the numbers of rows. A value of elements that a later pass takes lasts: it has
// memory for all blocks.
struct ElementProgram {
  // A matrix within an array, which may be one of several that lie behind each other.
  struct View {
    int64_t array, offset, row, column;  // steps from row to row and from column to column
    int64_t index, step, count;          // the number of the index that says which, or -1; how many there are
    int64_t per_row;                     // 1 if it is a number of each row

    const void* at(const ElementArray& from, const int64_t* indices) const;
  };
  struct Step {
    int64_t pass, per_row;
    Operation operation;
    int64_t result, first, second, third;  // an operation of fewer operands has the first one again
  };

  int64_t rows, columns, arrays, indices, results, temporaries, lasting;
  std::vector<float> constants;
  std::vector<View> inputs, outputs;
  std::vector<Step> steps;

  // From a flat list of integers, as Python writes it. Throws std::invalid_argument when it is none.
  ElementProgram(const int64_t* numbers, std::size_t count);

  // A result may be the memory of a given array. Throws std::invalid_argument when the program reaches beyond
  // an array.
  void run(const Pool& pool, const ElementArray* given, const int64_t* places, const ElementArray* made) const;

 private:
  struct Pass;
  class Part;

  void check(const std::vector<View>& views, const ElementArray* arrays) const;
  std::vector<Pass> passes() const;
  double work() const;  // in additions of a number
};

}  // namespace reflow
