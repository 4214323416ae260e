// The loops of Winograd's convolutions, for processors with AVX2: transforms of tiles, and products.
//
// What is transformed has 16 places, those of a 4x4 tile, and lies in panels of 16 channels:
// [place][panel][row][channel of the panel]. A row is a tile, or of a filter one of its channels.
#pragma once

#include <cstdint>

namespace reflow::winograd {

constexpr int64_t kPlaces = 16;
constexpr int64_t kPanel = 16;

// All of this is for processors with AVX2 (see processor.h), and may not be called on others.

// Numbers in panels: `place` and `panel` are the steps from one to the next.
struct Panels {
  float* data;
  int64_t place, panel;

  float* at(int64_t place_index, int64_t panel_index) const {
    return data + place_index * place + panel_index * panel;
  }
};

// Transforms one row: `channels` numbers from each of the pixels of a tile of images (4x4) or of gradients
// of outputs (2x2), or from each of the elements of a filter (3x3).
void transform_images(const float* const* pixels, int64_t channels, Panels to, int64_t row);
void transform_gradients(const float* const* pixels, int64_t channels, Panels to, int64_t row);
void transform_filter(const float* const* elements, int64_t channels, Panels to, int64_t row);

// to [columns, rows] = the transpose of from [rows, columns]; steps are from row to row. There must be room
// for multiples of 8 rows.
void transpose(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
               int64_t to_step);

// The way back: to the pixels of a tile of outputs (2x2), or to the elements of a filter's gradient (3x3).
void finish_outputs(Panels from, int64_t row, int64_t channels, float* const* pixels);
void finish_filter(Panels from, int64_t row, int64_t channels, float* const* elements);

// result [rows, columns] = a [rows, inner] b [inner, columns], or that added to it with `adds`. There are at
// most 16 columns: `b` and the result are one panel each, `a` is panels, `a_panel` apart.
void multiply(const float* a, int64_t a_panel, const float* b, int64_t rows, int64_t inner, int64_t columns,
              float* result, bool adds);

// result [rows, columns] = the transpose of a [inner, rows] times b [inner, columns], all of one panel.
void multiply_transposed(const float* a, const float* b, int64_t rows, int64_t inner, int64_t columns,
                         float* result, bool adds);

}  // namespace reflow::winograd
