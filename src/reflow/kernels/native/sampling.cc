#include "sampling.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "random_values.h"
#include "threads.h"

namespace reflow {
namespace {

constexpr int64_t kWords = 256;  // that are drawn at a time: whole blocks of four
constexpr int64_t kEach = 2;     // words that a class takes

// The classes that were drawn, in a table of which at the most a quarter is taken.
class Seen {
 public:
  explicit Seen(int64_t count) {
    std::size_t size = 4;
    while (size < 4 * static_cast<std::size_t>(count)) size *= 2;
    places_.assign(size, -1);
  }

  // Whether the class is new.
  bool add(int64_t number) {
    const uint64_t mask = places_.size() - 1;
    uint64_t at = (static_cast<uint64_t>(number) * 0x9E3779B97F4A7C15u >> 32) & mask;
    for (; places_[at] >= 0; at = (at + 1) & mask) {
      if (places_[at] == number) return false;
    }
    places_[at] = number;
    return true;
  }

 private:
  std::vector<int64_t> places_;
};

// Two words of the stream after the other; those of the next blocks when they are used up.
class Words {
 public:
  Words(uint64_t key, uint64_t low, uint64_t high) : key_(key), low_(low), high_(high) {}

  const uint32_t* next() {
    if (at_ == kWords) {
      random_values(Pool{}, Draw::kWords, key_, low_, high_, words_, kWords);
      low_ += kWords / 4;
      high_ += low_ < kWords / 4;
      at_ = 0;
    }
    const uint32_t* two = words_ + at_;
    at_ += kEach;
    return two;
  }

 private:
  uint64_t key_, low_, high_;
  int64_t at_ = kWords;
  uint32_t words_[kWords];
};

}  // namespace

bool Sampler::sample(uint64_t key, uint64_t low, uint64_t high, const int64_t* true_classes,
                     int64_t true_count, int64_t count, int64_t* classes, float* true_expected,
                     float* expected) const {
  if (range < 1 || (unique && count > range)) throw std::invalid_argument("not enough classes");
  const double log_range = std::log1p(static_cast<double>(range));
  Words words(key, low, high);
  Seen seen(unique ? count : 0);
  int64_t tries = 0;
  for (int64_t drawn = 0; drawn < count; ++tries) {
    const uint32_t* two = words.next();
    int64_t number;
    if (distribution == Distribution::kUniform) {
      const uint64_t whole = uint64_t{two[1]} << 32 | two[0];
      number = static_cast<int64_t>(whole % static_cast<uint64_t>(range));
    } else {
      const uint64_t bits = uint64_t{two[0] & 0xFFFFF} << 32 | two[1];
      const double uniform = static_cast<double>(bits) * 0x1p-52;
      number = (static_cast<int64_t>(std::exp(uniform * log_range)) - 1) % range;
    }
    if (!unique || seen.add(number)) classes[drawn++] = number;
  }
  const auto expectation = [&](int64_t number) {
    float probability;
    if (distribution == Distribution::kUniform) {
      probability = static_cast<float>(1.0 / static_cast<double>(range));
    } else {
      const double value = static_cast<double>(number);
      probability = static_cast<float>(std::log((value + 2) / (value + 1)) / log_range);
    }
    if (tries == count) return probability * static_cast<float>(count);
    return -std::expm1(static_cast<float>(tries) * std::log1p(-probability));
  };
  bool all_in_range = true;
  for (int64_t i = 0; i < true_count; ++i) {
    const bool ok = true_classes[i] >= 0 && true_classes[i] < range;
    all_in_range &= ok;
    true_expected[i] = ok ? expectation(true_classes[i]) : std::numeric_limits<float>::quiet_NaN();
  }
  for (int64_t i = 0; i < count; ++i) expected[i] = expectation(classes[i]);
  return all_in_range;
}

}  // namespace reflow
