#include "spec.h"

#include <limits>
#include <stdexcept>

namespace reflow {
namespace {

constexpr std::size_t kHead = 11;
constexpr std::size_t kPerAxis = 7;
constexpr int64_t kMost = int64_t{1} << 31;

int64_t product(const std::vector<Axis>& axes, int64_t Axis::* size) {
  int64_t total = 1;
  for (const Axis& axis : axes) total *= axis.*size;
  return total;
}

void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(std::string("windows with ") + what);
}

}  // namespace

Spec::Spec(const int64_t* numbers, std::size_t count) : flat(numbers, numbers + count) {
  require(count >= kHead, "too few numbers");
  const int64_t rank = numbers[7];
  require(rank >= 1 && rank <= 3, "a rank other than 1, 2 or 3");
  require(count == kHead + kPerAxis * rank, "a wrong number of numbers");
  require(numbers[0] >= 0 && numbers[0] <= 8, "no such kind");
  require(numbers[1] == 0 || numbers[1] == 1, "no such type");
  kind = static_cast<Kind>(numbers[0]);
  type = static_cast<Type>(numbers[1]);
  require(numbers[8] >= 0 && numbers[8] <= 3, "no such epilogue");
  after = static_cast<After>(numbers[8]);
  require(after == After::kNothing || (kind == Kind::kForward && type == Type::kFloat32),
          "an epilogue that they do not have");
  scaled = numbers[9] != 0;
  require(!scaled || after != After::kNothing, "factors without a bias");
  channels_first = numbers[2] != 0;
  adds = numbers[10] != 0;
  require(!adds || (after != After::kNothing && !channels_first), "images that cannot be added");
  batch = numbers[3];
  groups = numbers[4];
  channels = numbers[5];
  filters = numbers[6];
  double most = 8.0;  // the bytes of the largest array, roughly
  for (std::size_t i = 3; i < 7; ++i) require(numbers[i] > 0 && numbers[i] < kMost, "sizes not above 0");
  require(channels % groups == 0 && filters % groups == 0, "channels that groups do not divide");
  const bool apart = is_pooling() || is_normalization();
  require(!apart || (groups == channels && filters == channels && !channels_first),
          "channels that are not apart");
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t* n = numbers + kHead + kPerAxis * i;
    axes.push_back(Axis{n[0], n[1], n[2], n[3], n[4], n[5], n[6]});
    for (int j = 0; j < 5; ++j) require(n[j] > 0 && n[j] < kMost, "sizes not above 0");
    require(n[5] >= 0 && n[6] >= 0 && n[5] < kMost && n[6] < kMost, "negative padding");
    require((n[2] - 1) * n[3] + axes.back().reach() <= n[0] + n[5] + n[6], "windows outside");
    most *= static_cast<double>(n[0] + n[1] + n[2]);
  }
  require(!is_normalization() || (taps() == 1 && pixels() == output_pixels()), "more than one element");
  most *= static_cast<double>(batch) * channels * filters;
  require(most < static_cast<double>(std::numeric_limits<int64_t>::max()), "sizes beyond memory");
}

int64_t Spec::pixels() const { return product(axes, &Axis::size); }
int64_t Spec::output_pixels() const { return product(axes, &Axis::output); }
int64_t Spec::taps() const { return product(axes, &Axis::kernel); }

double Spec::multiplications() const {
  return static_cast<double>(batch) * output_pixels() * taps() * (channels / groups) * filters;
}

}  // namespace reflow
