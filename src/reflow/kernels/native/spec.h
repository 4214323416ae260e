// What a call is about, as Python writes it: a flat list of integers (see ../spec.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace reflow {

enum class Kind : int64_t {
  kForward = 0,
  kInputGradient = 1,
  kFilterGradient = 2,
  // Poolings: each channel is a group.
  kMaximum = 3,
  kMaximumGradient = 4,
  kAverage = 5,
  kAverageGradient = 6,
  // Sums over all but the channels, for batch normalizations: windows of one element, each channel a group.
  kMoments = 7,
  kGradientSums = 8,
};
enum class Type : int64_t { kFloat32 = 0, kBFloat16 = 1 };
// What follows a convolution: a bias, before it perhaps a factor, after it perhaps other images, and then perhaps a
// bound, of 0 below or of 0 and 6.
enum class After : int64_t { kNothing = 0, kBias = 1, kRelu = 2, kRelu6 = 3 };

// One spatial dimension.
struct Axis {
  int64_t size, kernel, output, stride, dilation, lo, hi;

  // How far a window extends, holes included.
  int64_t reach() const { return (kernel - 1) * dilation + 1; }
};

// A convolution, a pooling or a normalization of `batch` images. A filter is [spatial..., channels / groups, filters] in memory;
// images are [batch, spatial..., channels], or with `channels_first` [batch, channels, spatial...].
struct Spec {
  Kind kind;
  Type type;
  After after;
  bool scaled;  // whether the bias has factors behind it, which the results are multiplied by first
  bool adds;    // whether images like the results are added to them after the bias, before the bound
  bool channels_first;
  int64_t batch, groups, channels, filters;
  std::vector<Axis> axes;
  std::vector<int64_t> flat;  // as it came: the key of what is cached for it

  // Throws std::invalid_argument when the numbers are neither.
  Spec(const int64_t* numbers, std::size_t count);

  bool is_pooling() const { return kind >= Kind::kMaximum && kind <= Kind::kAverageGradient; }
  bool is_normalization() const { return kind >= Kind::kMoments; }
  std::size_t item() const { return type == Type::kFloat32 ? 4 : 2; }
  int64_t pixels() const;         // of an input image
  int64_t output_pixels() const;  // of an output image
  int64_t taps() const;           // elements of a window
  int64_t input_elements() const { return batch * pixels() * channels; }
  int64_t output_elements() const { return batch * output_pixels() * filters; }
  int64_t filter_elements() const { return taps() * (channels / groups) * filters; }
  double multiplications() const;
};

}  // namespace reflow
