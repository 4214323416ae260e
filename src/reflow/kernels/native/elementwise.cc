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

// Elements that all steps are done for before the next ones. Reductions end with a sum over the lanes of a vector,
// which takes as long as some hundred elements.
constexpr int64_t kBlock = 256, kBlockOfRows = 1024;
constexpr int64_t kExpected = 4;   // blocks of a row, at the most, that are fetched ahead of time
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

// To 1 or 2 units of the last place; a number below the smallest normal one counts as 0.
REFLOW_INLINE float logarithm(float x) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kSmallest = 1.17549435e-38f;
  int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const int32_t power = ((bits >> 23) & 0xff) - 126;
  bits = (bits & 0x7fffff) | 0x3f000000;
  float m;  // from a half to 1
  std::memcpy(&m, &bits, sizeof m);
  const bool is_low = m < 0.707106781f;
  const float n = static_cast<float>(power - (is_low ? 1 : 0));
  const float y = is_low ? m + m - 1.0f : m - 1.0f;
  const float z = y * y;
  float p = y * 7.0376836292e-2f - 1.1514610310e-1f;  // the polynomial of Cephes
  p = p * y + 1.1676998740e-1f;
  p = p * y - 1.2420140846e-1f;
  p = p * y + 1.4249322787e-1f;
  p = p * y - 1.6668057665e-1f;
  p = p * y + 2.0000714765e-1f;
  p = p * y - 2.4999993993e-1f;
  p = p * y + 3.3333331174e-1f;
  p = p * y * z - n * 2.12194440e-4f - z * 0.5f;
  const float result = y + p + n * 0.693359375f;
  const float beyond = x > -kSmallest ? -kInfinity : std::numeric_limits<float>::quiet_NaN();
  const float special = x < kSmallest ? beyond : x;
  return x >= kSmallest && x < kInfinity ? result : special;
}

constexpr int64_t kRepeated = 64;  // elements of a value whose elements are all the same

// Where a block of a value begins. One whose elements are all the same has only kRepeated of them, and a mask that
// brings a multiple of these back to the first one.
struct Operand {
  float* data;
  int64_t mask = -1;

  REFLOW_INLINE const float* at(int64_t i) const { return data + (i & mask); }
};

// A result may be the very memory of an operand, element by element.
REFLOW_FOR_EACH_CPU void apply(Operation operation, const Operand& first, const Operand& second, const Operand& third,
                               float* to, int64_t n) {
#define REFLOW_SOME(value, count)                                                                       \
  {                                                                                                     \
    const float *a = first.at(at), *b = second.at(at), *c = third.at(at);                               \
    float* result = to + at;                                                                            \
    (void)a, (void)b, (void)c;                                                                          \
    _Pragma("omp simd") for (int64_t i = 0; i < count; ++i) result[i] = value;                          \
  }
#define REFLOW_EACH(value)                                                        \
  {                                                                               \
    int64_t at = 0;                                                               \
    if (repeated) {                                                               \
      for (; at + kRepeated <= n; at += kRepeated) REFLOW_SOME(value, kRepeated)  \
    }                                                                             \
    if (at < n) REFLOW_SOME(value, n - at)                                        \
    break;                                                                        \
  }
  const bool repeated = (first.mask & second.mask & third.mask) != -1;
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
      if (to == first.data) break;
      REFLOW_EACH(a[i])
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
    case Operation::kLogarithm:
      REFLOW_EACH(logarithm(a[i]))
    case Operation::kRowSum:  // see `reduce`
    case Operation::kRowMaximum:
    case Operation::kSpread:  // see `spread`
      break;
  }
#undef REFLOW_EACH
#undef REFLOW_SOME
}

// In four chains, as an addition takes several cycles.
REFLOW_INLINE float sum(const float* a, int64_t n) {
  const int64_t quarter = n / 4;
  const float *b = a + quarter, *c = b + quarter, *d = c + quarter;
  float p = 0.0f, q = 0.0f, r = 0.0f, s = 0.0f;
  _Pragma("omp simd reduction(+ : p, q, r, s)") for (int64_t i = 0; i < quarter; ++i) {
    p += a[i], q += b[i], r += c[i], s += d[i];
  }
  for (int64_t i = 4 * quarter; i < n; ++i) p += a[i];
  return (p + q) + (r + s);
}

REFLOW_INLINE float larger(float a, float b) { return a > b ? a : b; }

// No number if there is one that is none.
REFLOW_INLINE float maximum(const float* a, int64_t n) {
  const int64_t quarter = n / 4;
  const float *b = a + quarter, *c = b + quarter, *d = c + quarter;
  float p = -std::numeric_limits<float>::infinity(), q = p, r = p, s = p;
  int is_none = 0;
  _Pragma("omp simd reduction(max : p, q, r, s) reduction(| : is_none)") for (int64_t i = 0; i < quarter; ++i) {
    p = larger(a[i], p), q = larger(b[i], q), r = larger(c[i], r), s = larger(d[i], s);
    is_none |= (a[i] != a[i]) | (b[i] != b[i]) | (c[i] != c[i]) | (d[i] != d[i]);
  }
  for (int64_t i = 4 * quarter; i < n; ++i) {
    p = larger(a[i], p);
    is_none |= a[i] != a[i];
  }
  return is_none ? std::numeric_limits<float>::quiet_NaN() : larger(larger(p, q), larger(r, s));
}

// A number from the elements of each row, and what was there already unless these are the first.
REFLOW_FOR_EACH_CPU void reduce(Operation operation, const float* a, int64_t rows, int64_t columns, bool is_first,
                                float* result) {
  if (operation == Operation::kRowSum) {
    for (int64_t i = 0; i < rows; ++i) {
      const float total = sum(a + i * columns, columns);
      result[i] = is_first ? total : result[i] + total;
    }
  } else {
    for (int64_t i = 0; i < rows; ++i) {
      const float most = maximum(a + i * columns, columns);
      if (is_first || most > result[i] || most != most) result[i] = most;
    }
  }
}

REFLOW_FOR_EACH_CPU void spread(const float* numbers, int64_t rows, int64_t columns, float* result) {
  for (int64_t i = 0; i < rows; ++i) std::fill(result + i * columns, result + (i + 1) * columns, numbers[i]);
}

// How long an operation takes, of an addition.
double cost(Operation operation) {
  switch (operation) {
    case Operation::kExponential:
      return 4;
    case Operation::kLogistic:
    case Operation::kLogarithm:
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

  // Lets the processor fetch rows from memory while it computes others.
  template <bool for_writing>
  void expect(const Block& block) const {
    constexpr int64_t kLine = 16;  // numbers that it fetches at a time
    if (!direct || view->row == 0) return;
    const float* from = at(block);
    for (int64_t i = 0; i < block.rows * block.columns; i += kLine) __builtin_prefetch(from + i, for_writing);
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
  lasting = next(kMost);
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
      view.per_row = next(2);
    }
  };
  read(inputs, arrays);
  read(outputs, results);
  const int64_t readable = inputs.size() + constants.size();
  const int64_t values = readable + outputs.size() + temporaries + lasting;
  while (numbers != end) {
    Step step;
    step.pass = next(kMost), step.per_row = next(2);
    step.operation = static_cast<Operation>(next(static_cast<int64_t>(Operation::kSpread) + 1));
    step.result = next(values, readable);
    step.first = next(values), step.second = next(values), step.third = next(values);
    steps.push_back(step);
  }
}

// The steps of one pass, and what the first of them read and write.
struct ElementProgram::Pass {
  std::vector<Step> elements, rows;
  std::vector<int64_t> reads, writes;
};

std::vector<ElementProgram::Pass> ElementProgram::passes() const {
  std::vector<Pass> found(1);
  const int64_t written = inputs.size() + constants.size();
  for (const Step& step : steps) {
    if (step.pass >= static_cast<int64_t>(found.size())) found.resize(step.pass + 1);
    Pass& pass = found[step.pass];
    if (step.per_row) {
      pass.rows.push_back(step);
      continue;
    }
    pass.elements.push_back(step);
    const auto note = [](std::vector<int64_t>& all, int64_t number) {
      if (std::find(all.begin(), all.end(), number) == all.end()) all.push_back(number);
    };
    for (const int64_t each : {step.first, step.second, step.third}) {
      if (each < static_cast<int64_t>(inputs.size())) note(pass.reads, each);
    }
    if (step.result < written + static_cast<int64_t>(outputs.size())) note(pass.writes, step.result);
  }
  return found;
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
  const std::vector<Pass> all_passes = passes();
  const bool by_rows = all_passes.size() > 1 || !all_passes[0].rows.empty() ||
                       std::any_of(steps.begin(), steps.end(), [](const Step& step) {
                         return step.operation == Operation::kRowSum || step.operation == Operation::kRowMaximum;
                       });
  const int64_t readable = inputs.size() + constants.size();
  const int64_t short_lived = readable + outputs.size() + temporaries, values = short_lived + lasting;
  const int64_t size = by_rows ? kBlockOfRows : kBlock;
  const int64_t together = columns >= size ? 1 : std::min(size / columns, rows);  // rows of a block
  const int64_t across = (columns + size - 1) / size;                               // blocks of a row
  const int64_t rounds = by_rows ? across : 1;                                      // blocks of a turn
  const int64_t turns = (rows + together - 1) / together * (across / rounds);
  const int64_t width = std::min(columns, size);
  double work = inputs.size() + outputs.size();
  for (const Step& step : steps) work += step.per_row ? 0.0 : cost(step.operation);
  work *= static_cast<double>(rows) * columns;
  const int64_t most = std::min<int64_t>(turns, pool.threads == 1 ? 1 : int64_t{4} * pool.threads);
  const int64_t parts = std::clamp<int64_t>(static_cast<int64_t>(work / kPart), 1, most);

  const auto is_direct = [&](const View& view, bool is_mask) {
    return !is_mask && !view.per_row && view.column == 1 && (together == 1 || view.row == columns);
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
  const int64_t reads = sources.size(), fixed = readable, writes = fixed + targets.size();
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    Scratch scratch((short_lived + lasting * across) * size * sizeof(float));
    float* own = reinterpret_cast<float*>(scratch.data());
    const auto memory = [&](int64_t i) {
      return own + (i < short_lived ? i : short_lived + (i - short_lived) * across) * size;
    };
    std::vector<Operand> at(values);  // where the block of each value lies
    for (int64_t i = 0; i < values; ++i) at[i].data = memory(i);
    for (int64_t i = reads; i < fixed; ++i) {
      std::fill_n(at[i].data, kRepeated, constants[i - reads]);
      at[i].mask = kRepeated - 1;
    }
    // What all blocks have alike is fetched once, and what all blocks of some rows have alike once for them.
    const auto is_steady = [&](const View& view) {
      return !view.per_row && view.row == 0 && (view.column == 0 || (together > 1 && across == 1));
    };
    const auto is_of_rows = [&](const View& view) {
      return view.per_row || (by_rows && (view.column == 0 || across == 1));
    };
    const auto get = [&](int64_t i, const Block& block) {
      fetch(*sources[i].view, sources[i].data, sources[i].is_mask, block, at[i].data);
    };
    for (int64_t i = 0; i < reads; ++i) {
      const View& view = *sources[i].view;
      if (!view.per_row && view.column == 0 && (view.row == 0 || (by_rows && together == 1))) {
        at[i].mask = kRepeated - 1;
      }
      if (is_steady(view)) get(i, at[i].mask > 0 ? Block{0, 1, 0, kRepeated} : Block{0, together, 0, width});
    }
    for (const Step& step : steps) {
      if (step.operation == Operation::kSpread && together == 1) at[step.result].mask = kRepeated - 1;
    }
    for (int64_t turn = part * turns / parts; turn < (part + 1) * turns / parts; ++turn) {
      const int64_t first = by_rows ? 0 : turn % across;
      Block block;
      block.row = (by_rows ? turn : turn / across) * together;
      block.rows = std::min(together, rows - block.row);
      for (int64_t i = 0; i < reads; ++i) {
        const View& view = *sources[i].view;
        if (sources[i].direct || is_steady(view) || !is_of_rows(view)) continue;
        get(i, {block.row, block.rows, 0, view.per_row ? 1 : at[i].mask > 0 ? kRepeated : width});
      }
      if (by_rows && across <= kExpected && turn + 1 < (part + 1) * turns / parts) {
        const int64_t next = block.row + block.rows;
        const Block ahead{next, std::min(together, rows - next), 0, columns};
        for (const Place& place : sources) place.expect<false>(ahead);
        for (const Place& place : targets) place.expect<true>(ahead);
      }
      for (const Pass& pass : all_passes) {
        for (int64_t round = first; round < first + rounds && !pass.elements.empty(); ++round) {
          block.column = round * size;
          block.columns = std::min(columns - block.column, size);
          for (const int64_t i : pass.reads) {
            if (sources[i].direct) {
              at[i].data = sources[i].at(block);
            } else if (!is_steady(*sources[i].view) && !is_of_rows(*sources[i].view)) {
              get(i, block);
            }
          }
          for (int64_t i = fixed; i < writes; ++i) {
            if (targets[i - fixed].direct) at[i].data = targets[i - fixed].at(block);
          }
          for (int64_t i = short_lived; i < values; ++i) at[i].data = memory(i) + (by_rows ? round * size : 0);
          for (const Step& step : pass.elements) {
            if (step.operation == Operation::kRowSum || step.operation == Operation::kRowMaximum) {
              reduce(step.operation, at[step.first].data, block.rows, block.columns, round == 0, at[step.result].data);
            } else {
              apply(step.operation, at[step.first], at[step.second], at[step.third], at[step.result].data,
                    block.rows * block.columns);
            }
          }
          for (const int64_t i : pass.writes) {
            const Place& place = targets[i - fixed];
            if (!place.direct && !place.view->per_row) bring(*place.view, place.data, place.is_mask, block, at[i].data);
          }
        }
        for (const Step& step : pass.rows) {
          if (step.operation == Operation::kSpread) {
            spread(at[step.first].data, block.rows, at[step.result].mask > 0 ? kRepeated : width, at[step.result].data);
          } else {
            apply(step.operation, at[step.first], at[step.second], at[step.third], at[step.result].data, block.rows);
          }
        }
      }
      for (const Place& place : targets) {
        if (!place.view->per_row) continue;
        const int64_t i = fixed + (&place - targets.data());
        bring(*place.view, place.data, place.is_mask, {block.row, block.rows, 0, 1}, at[i].data);
      }
    }
  });
}

}  // namespace reflow
