#include "elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "numbers.h"
#include "scratch.h"

namespace reflow {
namespace {

constexpr int64_t kBlock = 256;      // elements that all steps are done for before the next ones
constexpr int64_t kPart = 1 << 15;   // elements that are worth a part of their own
constexpr int64_t kMost = 1 << 10;   // numbers of operands and results: more are a mistake

// A result may be the very memory of an operand, element by element.
REFLOW_FOR_EACH_CPU void apply(Operation operation, const float* a, const float* b, float* result,
                               int64_t n) {
  switch (operation) {
    case Operation::kAdd:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = a[i] + b[i];
      break;
    case Operation::kSubtract:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = a[i] - b[i];
      break;
    case Operation::kMultiply:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = a[i] * b[i];
      break;
    case Operation::kDivide:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = a[i] / b[i];
      break;
    case Operation::kMaximum:  // of a NaN and a number, the NaN
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = a[i] > b[i] || a[i] != a[i] ? a[i] : b[i];
      break;
    case Operation::kMinimum:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = a[i] < b[i] || a[i] != a[i] ? a[i] : b[i];
      break;
    case Operation::kNegate:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = -a[i];
      break;
    case Operation::kAbsolute:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = std::fabs(a[i]);
      break;
    case Operation::kSquareRoot:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = std::sqrt(a[i]);
      break;
    case Operation::kReciprocalSquareRoot:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) result[i] = 1.0f / std::sqrt(a[i]);
      break;
    case Operation::kCopy:
      if (result != a) std::memcpy(result, a, static_cast<std::size_t>(n) * sizeof *a);
      break;
  }
}

}  // namespace

ElementProgram::ElementProgram(const int64_t* numbers, std::size_t count) {
  const int64_t* const end = numbers + count;
  const auto next = [&](int64_t bound) {
    if (numbers == end || *numbers < 0 || *numbers >= bound) {
      throw std::invalid_argument("no program of element-wise operations");
    }
    return *numbers++;
  };
  arrays = next(kMost);
  scalars = next(kMost);
  outputs = next(kMost);
  temporaries = next(kMost);
  constants.resize(next(kMost));
  for (float& constant : constants) {
    const uint32_t bits = static_cast<uint32_t>(next(int64_t{1} << 32));
    std::memcpy(&constant, &bits, sizeof bits);
  }
  const int64_t readable = arrays + fixed(), values = readable + outputs + temporaries;
  while (numbers != end) {
    const Operation operation = static_cast<Operation>(next(static_cast<int64_t>(Operation::kCopy) + 1));
    const int64_t result = next(values);
    if (result < readable) throw std::invalid_argument("a step that writes what is given");
    const int64_t first = next(values), second = next(values);
    steps.push_back({operation, result, first, second});
  }
}

void ElementProgram::run(const Pool& pool, int64_t elements, const float* const* given,
                         const float* const* numbers, float* const* results) const {
  const int64_t parts = std::max<int64_t>(elements / kPart, 1);
  const int64_t each = (elements / parts + kBlock - 1) / kBlock * kBlock;
  const std::size_t size = static_cast<std::size_t>((fixed() + temporaries) * kBlock) * sizeof(float);
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    const int64_t begin = part * each, end = part + 1 == parts ? elements : std::min(begin + each, elements);
    Scratch scratch(size);
    float* own = reinterpret_cast<float*>(scratch.data());
    std::vector<float*> at;  // where the block of each value lies
    // What is given is not written to: `steps` was checked for that.
    for (int64_t i = 0; i < arrays; ++i) at.push_back(const_cast<float*>(given[i]) + begin);
    for (int64_t i = 0; i < fixed(); ++i, own += kBlock) {
      std::fill(own, own + kBlock, i < scalars ? *numbers[i] : constants[i - scalars]);
      at.push_back(own);
    }
    for (int64_t i = 0; i < outputs; ++i) at.push_back(results[i] + begin);
    for (int64_t i = 0; i < temporaries; ++i, own += kBlock) at.push_back(own);
    for (int64_t i = begin; i < end; i += kBlock) {
      const int64_t n = std::min(kBlock, end - i);
      for (const Step& step : steps) {
        apply(step.operation, at[step.first], at[step.second], at[step.result], n);
      }
      for (int64_t k = 0; k < arrays; ++k) at[k] += kBlock;
      for (int64_t k = 0; k < outputs; ++k) at[arrays + fixed() + k] += kBlock;
    }
  });
}

}  // namespace reflow
