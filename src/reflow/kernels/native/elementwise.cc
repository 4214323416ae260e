#include "elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "numbers.h"
#include "scratch.h"

namespace reflow {
namespace {

constexpr int64_t kBlock = 256;    // elements that all steps are done for before the next ones
constexpr double kPart = 1e5;      // additions of a number that are worth a part of their own
constexpr int64_t kMost = 1 << 12;  // numbers of values and steps: more are a mistake
constexpr int64_t kLargest = int64_t{1} << 40;

// e to the power x, to 1 or 2 units of the last place; 0 below the smallest normal number.
REFLOW_INLINE float exponential(float x) {
  constexpr float kSmallest = -87.33654f, kLargestPower = 88.72283f, kRound = 12582912.0f;  // 1.5 * 2^23
  float y = x < kSmallest ? kSmallest : x;
  y = y > kLargestPower ? kLargestPower : y;
  const float rounded = y * 1.44269504f + kRound;
  const float n = rounded - kRound;
  const float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = r * 1.9875691500e-4f + 1.3981999507e-3f;  // the polynomial of Cephes
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + (r + 1.0f);
  int32_t bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  // Half the power: the largest one is beyond the largest number.
  bits = static_cast<int32_t>((static_cast<uint32_t>(bits) + 126) << 23);
  float half;
  std::memcpy(&half, &bits, sizeof half);
  const float result = p * half * 2.0f;
  const float above = x > kLargestPower ? std::numeric_limits<float>::infinity() : result;
  return x < kSmallest ? 0.0f : above;
}

// To 2 units of the last place.
REFLOW_INLINE float hyperbolic_tangent(float x) {
  const float size = std::fabs(x);
  const float far = std::copysign(1.0f - 2.0f / (exponential(2.0f * size) + 1.0f), x);
  const float z = x * x;
  float p = z * -5.70498872745e-3f + 2.06390887954e-2f;  // the polynomial of Cephes
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float near = p * z * x + x;
  return size < 0.625f ? near : far;
}

// A result may be the very memory of an operand, element by element.
REFLOW_FOR_EACH_CPU void apply(Operation operation, const float* a, const float* b, const float* c,
                               float* result, int64_t n) {
#define REFLOW_EACH(value)                         \
  {                                                \
    _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) result[i] = value; \
    break;                                         \
  }
  switch (operation) {
    case Operation::kAdd:
      REFLOW_EACH(a[i] + b[i])
    case Operation::kSubtract:
      REFLOW_EACH(a[i] - b[i])
    case Operation::kMultiply:
      REFLOW_EACH(a[i] * b[i])
    case Operation::kDivide:
      REFLOW_EACH(a[i] / b[i])
    case Operation::kMaximum:  // of a NaN and a number, the NaN
      REFLOW_EACH(a[i] > b[i] || a[i] != a[i] ? a[i] : b[i])
    case Operation::kMinimum:
      REFLOW_EACH(a[i] < b[i] || a[i] != a[i] ? a[i] : b[i])
    case Operation::kNegate:
      REFLOW_EACH(-a[i])
    case Operation::kAbsolute:
      REFLOW_EACH(std::fabs(a[i]))
    case Operation::kSquareRoot:
      REFLOW_EACH(std::sqrt(a[i]))
    case Operation::kReciprocalSquareRoot:
      REFLOW_EACH(1.0f / std::sqrt(a[i]))
    case Operation::kCopy:
      if (result != a) std::memcpy(result, a, static_cast<std::size_t>(n) * sizeof *a);
      break;
    case Operation::kExponential:
      REFLOW_EACH(exponential(a[i]))
    case Operation::kTanh:
      REFLOW_EACH(hyperbolic_tangent(a[i]))
    case Operation::kLogistic:
      REFLOW_EACH(1.0f / (1.0f + exponential(-a[i])))
    case Operation::kSelect:
      REFLOW_EACH(a[i] != 0.0f ? b[i] : c[i])
    case Operation::kEqual:
      REFLOW_EACH(a[i] == b[i] ? 1.0f : 0.0f)
    case Operation::kNotEqual:
      REFLOW_EACH(a[i] != b[i] ? 1.0f : 0.0f)
    case Operation::kLess:
      REFLOW_EACH(a[i] < b[i] ? 1.0f : 0.0f)
    case Operation::kLessOrEqual:
      REFLOW_EACH(a[i] <= b[i] ? 1.0f : 0.0f)
    case Operation::kGreater:
      REFLOW_EACH(a[i] > b[i] ? 1.0f : 0.0f)
    case Operation::kGreaterOrEqual:
      REFLOW_EACH(a[i] >= b[i] ? 1.0f : 0.0f)
  }
#undef REFLOW_EACH
}

// How long an operation takes, of an addition.
double cost(Operation operation) {
  switch (operation) {
    case Operation::kExponential:
      return 4;
    case Operation::kLogistic:
      return 5;
    case Operation::kTanh:
      return 8;
    case Operation::kDivide:
    case Operation::kSquareRoot:
    case Operation::kReciprocalSquareRoot:
      return 2;
    default:
      return 1;
  }
}

// Some rows, or some columns of one.
struct Block {
  int64_t row, rows, column, columns;
};

void fetch(const ElementProgram::View& view, const void* data, bool is_mask, const Block& block, float* to) {
  for (int64_t i = 0; i < block.rows; ++i, to += block.columns) {
    const int64_t first = (block.row + i) * view.row + block.column * view.column;
    if (is_mask) {
      const auto* from = static_cast<const uint8_t*>(data) + first;
      for (int64_t j = 0; j < block.columns; ++j) to[j] = from[j * view.column] != 0 ? 1.0f : 0.0f;
      continue;
    }
    const auto* from = static_cast<const float*>(data) + first;
    if (view.column == 0) {
      std::fill(to, to + block.columns, *from);
    } else {
      for (int64_t j = 0; j < block.columns; ++j) to[j] = from[j * view.column];
    }
  }
}

void bring(const ElementProgram::View& view, void* data, bool is_mask, const Block& block, const float* from) {
  for (int64_t i = 0; i < block.rows; ++i, from += block.columns) {
    const int64_t first = (block.row + i) * view.row + block.column * view.column;
    if (is_mask) {
      auto* to = static_cast<uint8_t*>(data) + first;
      for (int64_t j = 0; j < block.columns; ++j) to[j * view.column] = from[j] != 0.0f;
    } else {
      auto* to = static_cast<float*>(data) + first;
      for (int64_t j = 0; j < block.columns; ++j) to[j * view.column] = from[j];
    }
  }
}

// Where a matrix lies, and whether its blocks are read or written there, not in memory of their own.
struct Place {
  const ElementProgram::View* view;
  void* data;
  bool is_mask, direct;

  float* at(const Block& block) const {
    return static_cast<float*>(data) + block.row * view->row + block.column;
  }
};

}  // namespace

const void* ElementProgram::View::at(const ElementArray& from, const int64_t* places) const {
  int64_t first = offset;
  if (index >= 0) first += std::clamp<int64_t>(places[index], 0, count - 1) * step;
  return static_cast<const char*>(from.data) + first * (from.is_mask ? 1 : sizeof(float));
}

ElementProgram::ElementProgram(const int64_t* numbers, std::size_t count) {
  const int64_t* const end = numbers + count;
  const auto next = [&](int64_t bound, int64_t least = 0) {
    if (numbers == end || *numbers < least || *numbers >= bound) {
      throw std::invalid_argument("no program of element-wise operations");
    }
    return *numbers++;
  };
  rows = next(kLargest, 1);
  columns = next(kLargest, 1);
  arrays = next(kMost);
  indices = next(kMost);
  results = next(kMost, 1);
  temporaries = next(kMost);
  constants.resize(next(kMost));
  for (float& constant : constants) {
    const uint32_t bits = static_cast<uint32_t>(next(int64_t{1} << 32));
    std::memcpy(&constant, &bits, sizeof bits);
  }
  const auto read = [&](std::vector<View>& views, int64_t bound) {
    views.resize(next(kMost));
    for (View& view : views) {
      view.array = next(bound);
      view.offset = next(kLargest), view.row = next(kLargest), view.column = next(kLargest);
      view.index = next(indices, -1), view.step = next(kLargest), view.count = next(kLargest, 1);
    }
  };
  read(inputs, arrays);
  read(outputs, results);
  const int64_t readable = inputs.size() + constants.size(), values = readable + outputs.size() + temporaries;
  while (numbers != end) {
    Step step;
    step.operation = static_cast<Operation>(next(static_cast<int64_t>(Operation::kGreaterOrEqual) + 1));
    step.result = next(values, readable);
    step.first = next(values), step.second = next(values), step.third = next(values);
    steps.push_back(step);
  }
}

void ElementProgram::check(const std::vector<View>& views, const ElementArray* all) const {
  for (const View& view : views) {
    const double last = static_cast<double>(view.offset) + static_cast<double>(rows - 1) * view.row +
                        static_cast<double>(columns - 1) * view.column +
                        (view.index < 0 ? 0.0 : static_cast<double>(view.count - 1) * view.step);
    if (last >= static_cast<double>(all[view.array].elements)) {
      throw std::invalid_argument("a program that reaches beyond an array");
    }
  }
}

void ElementProgram::run(const Pool& pool, const ElementArray* given, const int64_t* places,
                         const ElementArray* made) const {
  check(inputs, given);
  check(outputs, made);
  const int64_t together = columns >= kBlock ? 1 : std::min(kBlock / columns, rows);  // rows of a block
  const int64_t across = (columns + kBlock - 1) / kBlock;                             // blocks of a row
  const int64_t blocks = (rows + together - 1) / together * across;
  const int64_t largest = together * std::min(columns, kBlock);
  double work = inputs.size() + outputs.size();
  for (const Step& step : steps) work += cost(step.operation);
  work *= static_cast<double>(rows) * columns;
  const int64_t most = std::min<int64_t>(blocks, pool.threads == 1 ? 1 : int64_t{4} * pool.threads);
  const int64_t parts = std::clamp<int64_t>(static_cast<int64_t>(work / kPart), 1, most);

  const auto is_direct = [&](const View& view, bool is_mask) {
    return !is_mask && view.column == 1 && (together == 1 || view.row == columns);
  };
  std::vector<Place> sources, targets;
  for (const View& view : inputs) {
    const ElementArray& array = given[view.array];
    sources.push_back({&view, const_cast<void*>(view.at(array, places)), array.is_mask,
                       is_direct(view, array.is_mask)});
  }
  for (const View& view : outputs) {
    const ElementArray& array = made[view.array];
    targets.push_back({&view, const_cast<void*>(view.at(array, places)), array.is_mask,
                       is_direct(view, array.is_mask)});
  }
  const std::size_t reads = sources.size(), fixed = reads + constants.size(), writes = fixed + targets.size();
  const std::size_t values = writes + temporaries;
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    Scratch scratch(values * kBlock * sizeof(float));
    float* own = reinterpret_cast<float*>(scratch.data());
    std::vector<float*> at(values);  // where the block of each value lies
    for (std::size_t i = 0; i < values; ++i) at[i] = own + i * kBlock;
    for (std::size_t i = reads; i < fixed; ++i) std::fill(at[i], at[i] + kBlock, constants[i - reads]);
    // What all blocks have alike is fetched once.
    const auto is_steady = [&](const Place& place) {
      return place.view->row == 0 && (place.view->column == 0 || (together > 1 && across == 1));
    };
    const Block whole{0, together, 0, largest / together};
    for (std::size_t i = 0; i < reads; ++i) {
      if (is_steady(sources[i])) fetch(*sources[i].view, sources[i].data, sources[i].is_mask, whole, at[i]);
    }
    for (int64_t index = part * blocks / parts; index < (part + 1) * blocks / parts; ++index) {
      Block block;
      block.row = index / across * together;
      block.rows = std::min(together, rows - block.row);
      block.column = index % across * kBlock;
      block.columns = std::min(columns - block.column, kBlock);
      for (std::size_t i = 0; i < reads; ++i) {
        const Place& place = sources[i];
        if (is_steady(place)) continue;
        if (place.direct) {
          at[i] = place.at(block);
        } else {
          fetch(*place.view, place.data, place.is_mask, block, at[i]);
        }
      }
      for (std::size_t i = fixed; i < writes; ++i) {
        if (targets[i - fixed].direct) at[i] = targets[i - fixed].at(block);
      }
      for (const Step& step : steps) {
        apply(step.operation, at[step.first], at[step.second], at[step.third], at[step.result],
              block.rows * block.columns);
      }
      for (std::size_t i = fixed; i < writes; ++i) {
        const Place& place = targets[i - fixed];
        if (!place.direct) bring(*place.view, place.data, place.is_mask, block, at[i]);
      }
    }
  });
}

}  // namespace reflow
