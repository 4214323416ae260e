// Element-wise operations on arrays of one size, all of them in one pass over memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "threads.h"

namespace reflow {

// As in ../elementwise.py.
enum class Operation : int64_t {
  kAdd = 0,
  kSubtract = 1,
  kMultiply = 2,
  kDivide = 3,
  kMaximum = 4,
  kMinimum = 5,
  kNegate = 6,
  kAbsolute = 7,
  kSquareRoot = 8,
  kReciprocalSquareRoot = 9,
  kCopy = 10,
};

// What to do with each element. Operands and results have numbers: first the arrays that are given, then
// scalars that are given, constants, the arrays that come out, and temporary values.
struct ElementProgram {
  struct Step {
    Operation operation;
    int64_t result, first, second;  // an operation of one operand has it twice
  };

  int64_t arrays, scalars, outputs, temporaries;
  std::vector<float> constants;
  std::vector<Step> steps;

  // From a flat list of integers, as Python writes it. Throws std::invalid_argument when it is none.
  ElementProgram(const int64_t* numbers, std::size_t count);

  int64_t fixed() const { return scalars + static_cast<int64_t>(constants.size()); }

  // An output may be the memory of a given array, if no step reads that array after one that writes the output.
  void run(const Pool& pool, int64_t elements, const float* const* given, const float* const* numbers,
           float* const* results) const;
};

}  // namespace reflow
