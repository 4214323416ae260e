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

// How the matrices are gone over: in turns of one block each or, where rows are reduced, of all blocks of some rows.
struct Turns {
  int64_t rows, columns;
  bool by_rows;
  int64_t size;       // elements of a block, at the most
  int64_t together;   // rows of a block
  int64_t across;     // blocks of a row
  int64_t width;      // columns of a block, at the most
  bool are_expected;  // whether what a turn takes is fetched ahead of time: one long row is without that

  Turns(int64_t rows, int64_t columns, bool by_rows)
      : rows(rows),
        columns(columns),
        by_rows(by_rows),
        size(by_rows ? kBlockOfRows : kBlock),
        together(columns >= size ? 1 : std::min(size / columns, rows)),
        across((columns + size - 1) / size),
        width(std::min(columns, size)),
        are_expected(by_rows ? across <= kExpected : rows > 1) {}

  int64_t rounds() const { return by_rows ? across : 1; }  // blocks of a turn
  int64_t count() const { return (rows + together - 1) / together * (across / rounds()); }

  // The first block of a turn.
  Block first(int64_t turn) const {
    Block block;
    block.row = (by_rows ? turn : turn / across) * together;
    block.rows = std::min(together, rows - block.row);
    move(block, by_rows ? 0 : turn % across);
    return block;
  }

  // Goes to another block of the same rows.
  void move(Block& block, int64_t round) const {
    block.column = round * size;
    block.columns = std::min(columns - block.column, size);
  }
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
    } else if (view.column == 1) {
      std::copy(from, from + block.columns, to);
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
      if (view.column == 1) {
        std::copy(from, from + block.columns, to);
        continue;
      }
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

// The memory of a part of the work: blocks of all values, and where they lie.
class ElementProgram::Part {
 public:
  Part(const ElementProgram& program, const Turns& turns, const std::vector<Pass>& passes,
       const std::vector<Place>& sources, const std::vector<Place>& targets)
      : program_(program),
        turns_(turns),
        passes_(passes),
        sources_(sources),
        targets_(targets),
        reads_(sources.size()),
        readable_(reads_ + program.constants.size()),
        short_lived_(readable_ + targets.size() + program.temporaries),
        scratch_((short_lived_ + program.lasting * turns.across) * turns.size * sizeof(float)),
        at_(short_lived_ + program.lasting) {
    for (std::size_t i = 0; i < at_.size(); ++i) at_[i].data = memory(i);
    for (int64_t i = reads_; i < readable_; ++i) {
      std::fill_n(at_[i].data, kRepeated, program.constants[i - reads_]);
      at_[i].mask = kRepeated - 1;
    }
    for (int64_t i = 0; i < reads_; ++i) {
      const View& view = *sources[i].view;
      if (!view.per_row && view.column == 0 && (view.row == 0 || (turns.by_rows && turns.together == 1))) {
        at_[i].mask = kRepeated - 1;
      }
      if (!is_steady(view)) continue;
      get(i, at_[i].mask > 0 ? Block{0, 1, 0, kRepeated} : Block{0, turns.together, 0, turns.width});
    }
    for (const Step& step : program.steps) {
      if (step.operation == Operation::kSpread && turns.together == 1) at_[step.result].mask = kRepeated - 1;
    }
  }

  // Does what is to be done in a turn.
  void take(int64_t turn) {
    Block block = turns_.first(turn);
    for (int64_t i = 0; i < reads_; ++i) {
      const View& view = *sources_[i].view;
      if (sources_[i].direct || is_steady(view) || !is_of_rows(view)) continue;
      get(i, {block.row, block.rows, 0, view.per_row ? 1 : at_[i].mask > 0 ? kRepeated : turns_.width});
    }
    const int64_t first = block.column / turns_.size;
    for (const Pass& pass : passes_) {
      for (int64_t round = first; round < first + turns_.rounds() && !pass.elements.empty(); ++round) {
        turns_.move(block, round);
        on_elements(pass, block);
      }
      on_rows(pass, block.rows);
    }
    for (const Place& place : targets_) {
      if (!place.view->per_row) continue;
      const int64_t i = readable_ + (&place - targets_.data());
      bring(*place.view, place.data, place.is_mask, {block.row, block.rows, 0, 1}, at_[i].data);
    }
  }

  // Lets the processor fetch what a turn will read and write.
  void expect(int64_t turn) const {
    Block ahead = turns_.first(turn);
    if (turns_.by_rows) ahead.columns = turns_.columns;
    for (const Place& place : sources_) place.expect<false>(ahead);
    for (const Place& place : targets_) place.expect<true>(ahead);
  }

 private:
  float* memory(int64_t i) const {
    const int64_t block = i < short_lived_ ? i : short_lived_ + (i - short_lived_) * turns_.across;
    return reinterpret_cast<float*>(scratch_.data()) + block * turns_.size;
  }

  // What all blocks have alike is fetched once, and what all blocks of some rows have alike once for them.
  bool is_steady(const View& view) const {
    return !view.per_row && view.row == 0 && (view.column == 0 || (turns_.together > 1 && turns_.across == 1));
  }
  bool is_of_rows(const View& view) const {
    return view.per_row || (turns_.by_rows && (view.column == 0 || turns_.across == 1));
  }

  void get(int64_t i, const Block& block) {
    fetch(*sources_[i].view, sources_[i].data, sources_[i].is_mask, block, at_[i].data);
  }

  // The steps of a pass on the elements of a block.
  void on_elements(const Pass& pass, const Block& block) {
    for (const int64_t i : pass.reads) {
      if (sources_[i].direct) {
        at_[i].data = sources_[i].at(block);
      } else if (!is_steady(*sources_[i].view) && !is_of_rows(*sources_[i].view)) {
        get(i, block);
      }
    }
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      if (targets_[i].direct) at_[readable_ + i].data = targets_[i].at(block);
    }
    const int64_t along = turns_.by_rows ? block.column : 0;
    for (std::size_t i = short_lived_; i < at_.size(); ++i) at_[i].data = memory(i) + along;
    for (const Step& step : pass.elements) {
      float* result = at_[step.result].data;
      if (step.operation == Operation::kRowSum || step.operation == Operation::kRowMaximum) {
        reduce(step.operation, at_[step.first].data, block.rows, block.columns, block.column == 0, result);
      } else {
        apply(step.operation, at_[step.first], at_[step.second], at_[step.third], result, block.rows * block.columns);
      }
    }
    for (const int64_t i : pass.writes) {
      const Place& place = targets_[i - readable_];
      if (!place.direct && !place.view->per_row) bring(*place.view, place.data, place.is_mask, block, at_[i].data);
    }
  }

  // The steps of a pass on the numbers of rows.
  void on_rows(const Pass& pass, int64_t rows) {
    for (const Step& step : pass.rows) {
      const Operand& result = at_[step.result];
      if (step.operation == Operation::kSpread) {
        spread(at_[step.first].data, rows, result.mask > 0 ? kRepeated : turns_.width, result.data);
      } else {
        apply(step.operation, at_[step.first], at_[step.second], at_[step.third], result.data, rows);
      }
    }
  }

  const ElementProgram& program_;
  const Turns& turns_;
  const std::vector<Pass>& passes_;
  const std::vector<Place>&sources_, &targets_;
  const int64_t reads_, readable_, short_lived_;
  Scratch scratch_;
  std::vector<Operand> at_;
};

double ElementProgram::work() const {
  double each = inputs.size() + outputs.size();
  for (const Step& step : steps) each += step.per_row ? 0.0 : cost(step.operation);
  return each * static_cast<double>(rows) * columns;
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
  const Turns turns(rows, columns, by_rows);
  const auto places_of = [&](const std::vector<View>& views, const ElementArray* arrays) {
    std::vector<Place> found;
    for (const View& view : views) {
      const ElementArray& array = arrays[view.array];
      const bool direct = !array.is_mask && !view.per_row && view.column == 1 &&
                          (turns.together == 1 || view.row == columns);
      found.push_back({&view, const_cast<void*>(view.at(array, places)), array.is_mask, direct});
    }
    return found;
  };
  const std::vector<Place> sources = places_of(inputs, given), targets = places_of(outputs, made);
  const int64_t count = turns.count();
  const int64_t most = std::min<int64_t>(count, pool.threads == 1 ? 1 : int64_t{4} * pool.threads);
  const int64_t parts = std::clamp<int64_t>(static_cast<int64_t>(work() / kPart), 1, most);
  in_parts(pool, static_cast<int>(parts), [&](int number, int) {
    Part part(*this, turns, all_passes, sources, targets);
    const int64_t end = (number + 1) * count / parts;
    for (int64_t turn = number * count / parts; turn < end; ++turn) {
      if (turns.are_expected && turn + 1 < end) part.expect(turn + 1);
      part.take(turn);
    }
  });
}

}  // namespace reflow
