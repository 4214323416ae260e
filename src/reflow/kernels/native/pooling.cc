#include "pooling.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "numbers.h"
#include "scratch.h"

namespace reflow {
namespace {

constexpr int64_t kChannels = 256;  // channels that are worked on at a time
constexpr int64_t kPart = 1 << 16;  // elements of windows that are worth a part of their own
constexpr int kPartsPerThread = 4;

// The elements of one window along one dimension that are not padding: first, first + dilation, ...
struct Range {
  int64_t first, count, step;
};

Range range(const Axis& axis, int64_t output) {
  const int64_t start = output * axis.stride - axis.lo;
  const int64_t before = start >= 0 ? 0 : (-start + axis.dilation - 1) / axis.dilation;
  const int64_t first = start + before * axis.dilation;
  const int64_t left = first < axis.size ? (axis.size - 1 - first) / axis.dilation + 1 : 0;
  return {first, std::max<int64_t>(std::min(axis.kernel - before, left), 0), axis.dilation};
}

// Some channels of an image, in three dimensions.
struct Layout {
  const std::vector<Range>* windows;  // along each dimension
  int64_t rows, columns;              // the sizes of the last two dimensions
  int64_t channels;     // of the arrays
  int64_t begin, count;  // those to work on
};

// Calls visit(window) for each window, with its place in the output and the ranges of its elements.
template <typename Visit>
REFLOW_INLINE void each_window(const Layout& layout, Visit visit) {
  int64_t place = layout.begin;
  for (const Range& a : layout.windows[0]) {
    for (const Range& b : layout.windows[1]) {
      for (const Range& c : layout.windows[2]) {
        visit(place, a, b, c);
        place += layout.channels;
      }
    }
  }
}

// Calls visit(place) for each element of a window, in order, with its place in the image.
template <typename Visit>
REFLOW_INLINE void each_element(const Layout& layout, const Range& a, const Range& b, const Range& c,
                                Visit visit) {
  for (int64_t i = 0; i < a.count; ++i) {
    for (int64_t j = 0; j < b.count; ++j) {
      const int64_t row = (a.first + i * a.step) * layout.rows + b.first + j * b.step;
      const int64_t start = (row * layout.columns + c.first) * layout.channels + layout.begin;
      for (int64_t k = 0; k < c.count; ++k) visit(start + k * c.step * layout.channels);
    }
  }
}

template <typename T>
REFLOW_INLINE void maximum(const Layout& layout, const T* x, T* y) {
  const int64_t n = layout.count;
  float largest[kChannels];
  each_window(layout, [&](int64_t place, const Range& a, const Range& b, const Range& c) {
    for (int64_t i = 0; i < n; ++i) largest[i] = -std::numeric_limits<float>::infinity();
    each_element(layout, a, b, c, [&](int64_t at) {
      for (int64_t i = 0; i < n; ++i) {
        const float value = load(x[at + i]);
        // What is no number stays.
        const bool keep = largest[i] >= value || largest[i] != largest[i];
        largest[i] = keep ? largest[i] : value;
      }
    });
    for (int64_t i = 0; i < n; ++i) store(largest[i], y + place + i);
  });
}

template <typename T>
REFLOW_INLINE void maximum_gradient(const Layout& layout, const T* x, const T* y, const T* dy,
                                    float* dx) {
  const int64_t n = layout.count;
  float left[kChannels];
  each_window(layout, [&](int64_t place, const Range& a, const Range& b, const Range& c) {
    for (int64_t i = 0; i < n; ++i) left[i] = load(dy[place + i]);
    each_element(layout, a, b, c, [&](int64_t at) {
      for (int64_t i = 0; i < n; ++i) {
        const bool hit = load(x[at + i]) == load(y[place + i]);
        dx[at + i] += hit ? left[i] : 0.0f;
        left[i] = hit ? 0.0f : left[i];
      }
    });
  });
}

template <typename T>
REFLOW_INLINE void average(const Layout& layout, const T* x, T* y) {
  const int64_t n = layout.count;
  float sum[kChannels];
  each_window(layout, [&](int64_t place, const Range& a, const Range& b, const Range& c) {
    for (int64_t i = 0; i < n; ++i) sum[i] = 0.0f;
    each_element(layout, a, b, c, [&](int64_t at) {
      for (int64_t i = 0; i < n; ++i) sum[i] += load(x[at + i]);
    });
    const float elements = static_cast<float>(a.count * b.count * c.count);
    for (int64_t i = 0; i < n; ++i) store(sum[i] / elements, y + place + i);
  });
}

template <typename T>
REFLOW_INLINE void average_gradient(const Layout& layout, const T* dy, float* dx) {
  const int64_t n = layout.count;
  float share[kChannels];
  each_window(layout, [&](int64_t place, const Range& a, const Range& b, const Range& c) {
    const float elements = static_cast<float>(a.count * b.count * c.count);
    for (int64_t i = 0; i < n; ++i) share[i] = load(dy[place + i]) / elements;
    each_element(layout, a, b, c, [&](int64_t at) {
      for (int64_t i = 0; i < n; ++i) dx[at + i] += share[i];
    });
  });
}

// One call for one image: what is given and what comes out lie where the image does.
template <typename T>
REFLOW_INLINE void any(Kind kind, const Layout& layout, const T* const* given, T* y, float* dx) {
  switch (kind) {
    case Kind::kMaximum:
      return maximum(layout, given[0], y);
    case Kind::kMaximumGradient:
      return maximum_gradient(layout, given[0], given[1], given[2], dx);
    case Kind::kAverage:
      return average(layout, given[0], y);
    default:
      return average_gradient(layout, given[0], dx);
  }
}

REFLOW_FOR_EACH_CPU void in_float32(Kind kind, const Layout& layout, const float* const* given, float* y,
                                    float* dx) {
  any(kind, layout, given, y, dx);
}

REFLOW_FOR_EACH_CPU void in_bfloat16(Kind kind, const Layout& layout, const BFloat16* const* given,
                                     BFloat16* y, float* dx) {
  any(kind, layout, given, y, dx);
}

// Some channels of an image set to zero, or rounded from float32.
void clear(const Layout& layout, int64_t pixels, float* dx) {
  for (int64_t i = 0; i < pixels; ++i) {
    std::memset(dx + i * layout.channels + layout.begin, 0, layout.count * sizeof(float));
  }
}

void round(const Layout& layout, int64_t pixels, const float* dx, BFloat16* result) {
  for (int64_t i = 0; i < pixels; ++i) {
    const int64_t at = i * layout.channels + layout.begin;
    for (int64_t c = 0; c < layout.count; ++c) store(dx[at + c], result + at + c);
  }
}

}  // namespace

void pool_windows(const Spec& spec, const Pool& pool, const void* const* given, void* result) {
  const bool gradient = spec.kind == Kind::kMaximumGradient || spec.kind == Kind::kAverageGradient;
  const int inputs = spec.kind == Kind::kMaximumGradient ? 3 : 1;
  const bool half = spec.type == Type::kBFloat16;
  const int64_t pixels = spec.pixels(), output_pixels = spec.output_pixels();
  std::vector<Axis> axes(3 - spec.axes.size(), Axis{1, 1, 1, 1, 1, 0, 0});
  axes.insert(axes.end(), spec.axes.begin(), spec.axes.end());
  std::vector<Range> windows[3];
  for (int i = 0; i < 3; ++i) {
    for (int64_t output = 0; output < axes[i].output; ++output) {
      windows[i].push_back(range(axes[i], output));
    }
  }
  const Layout whole{windows, axes[1].size, axes[2].size, spec.channels, 0, 0};

  // Parts: some channels of some images. Fewer channels than a cache line has would share it.
  const double elements = static_cast<double>(spec.batch) * output_pixels * spec.taps() * spec.channels;
  const int64_t wanted = static_cast<int64_t>(
      std::min(elements / kPart, static_cast<double>(kPartsPerThread) * pool.threads));
  int64_t channels = std::min(spec.channels, kChannels);
  if (spec.batch < wanted && spec.batch < pool.threads) {
    const int64_t pieces = (pool.threads + spec.batch - 1) / spec.batch;
    const int64_t piece = (spec.channels + pieces - 1) / pieces;
    channels = std::min(channels, (piece + 15) / 16 * 16);
  }
  const int64_t blocks = (spec.channels + channels - 1) / channels;
  const int64_t parts = std::max<int64_t>(std::min(wanted, spec.batch * blocks), 1);
  const std::size_t image = aligned(pixels * spec.channels * sizeof(float));
  Scratch scratch(half && gradient ? image * std::min<int64_t>(parts, pool.threads) : 0);

  in_parts(pool, static_cast<int>(parts), [&](int part, int slot) {
    const int64_t all = spec.batch * blocks;
    for (int64_t work = all * part / parts; work < all * (part + 1) / parts; ++work) {
      const int64_t index = work / blocks;
      Layout layout = whole;
      layout.begin = work % blocks * channels;
      layout.count = std::min(channels, spec.channels - layout.begin);
      const int64_t in = index * pixels * spec.channels;
      const int64_t out = index * output_pixels * spec.channels;
      const int64_t places[3] = {spec.kind == Kind::kAverageGradient ? out : in, out, out};
      const int64_t to = gradient ? in : out;
      if (half) {
        const BFloat16* from[3] = {};
        for (int i = 0; i < inputs; ++i) from[i] = static_cast<const BFloat16*>(given[i]) + places[i];
        BFloat16* target = static_cast<BFloat16*>(result) + to;
        float* dx = reinterpret_cast<float*>(scratch.data() + slot * image);
        if (gradient) clear(layout, pixels, dx);
        in_bfloat16(spec.kind, layout, from, target, dx);
        if (gradient) round(layout, pixels, dx, target);
      } else {
        const float* from[3] = {};
        for (int i = 0; i < inputs; ++i) from[i] = static_cast<const float*>(given[i]) + places[i];
        float* target = static_cast<float*>(result) + to;
        if (gradient) clear(layout, pixels, target);
        in_float32(spec.kind, layout, from, target, target);
      }
    }
  });
}

}  // namespace reflow
