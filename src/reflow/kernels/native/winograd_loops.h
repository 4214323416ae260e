// The loops of Winograd's convolutions, for processors with AVX2 or AVX-512: transforms of tiles, and products.
//
// What is transformed has 16 places, those of a 4x4 tile, and lies in panels of 16 channels:
// [place][panel][row][channel of the panel]. A row is a tile, or of a filter one of its channels.
#pragma once

#include <cstdint>

namespace reflow::winograd {

constexpr int64_t kPlaces = 16;
constexpr int64_t kPanel = 16;
// Rows of a result that `multiply` makes at a time.
constexpr int64_t kProductRows = 6;

// All of this is for processors with AVX2 (see processor.h), and may not be called on others.

// Numbers in panels: `place` and `panel` are the steps from one to the next.
struct Panels {
  float* data;
  int64_t place, panel;

  float* at(int64_t place_index, int64_t panel_index) const {
    return data + place_index * place + panel_index * panel;
  }
};

// Rows of panels: of the first panel, and the step to the next.
template <typename Number>
struct Strip {
  Number* data;
  int64_t panel;
};

// What is done to outputs: they are multiplied, if there are factors, a bias is added, then other pixels, if there are
// some, one for each, and they are bounded. Without a bias nothing is.
struct Epilogue {
  const float *bias, *scale;
  const float* const* added;
  float low, high;
};

// The loops for one set of instructions.
struct Loops {
  using Into = void (*)(const float* const* from, int64_t channels, Panels to, int64_t row);
  using ToOutputs = void (*)(Panels from, int64_t row, int64_t channels, const Epilogue& epilogue,
                             float* const* pixels);
  using ToFilter = void (*)(Panels from, int64_t row, int64_t channels, float* const* elements);
  using Multiply = void (*)(Strip<const float> a, Strip<const float> b, int64_t rows, int64_t inner,
                            int64_t columns, Strip<float> result, bool adds);

  // Blocks of outputs for the caches of processors with these instructions: how many tiles are transformed at a
  // time, and of how many panels of filters products are made before they are transformed back.
  int64_t tiles, filter_panels;
  // Transform one row: `channels` numbers from each of the pixels of a tile of images (4x4) or of gradients
  // of outputs (2x2), or from each of the elements of a filter (3x3).
  Into transform_images, transform_gradients, transform_filter;
  // The way back: to the pixels of a tile of outputs (2x2), or to the elements of a filter's gradient (3x3).
  ToOutputs finish_outputs;
  ToFilter finish_filter;
  // result [rows, columns] = a [rows, inner] b [inner, columns], or that added to it with `adds`.
  Multiply multiply;
  // result [rows, columns] = the transpose of a [inner, rows] times b [inner, columns]; `a` is one panel.
  Multiply multiply_transposed;
};

// Those of the widest vectors that there are.
const Loops& loops();

}  // namespace reflow::winograd
