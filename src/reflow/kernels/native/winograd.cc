// Lavin and Gray, Fast algorithms for convolutional neural networks, 2015. A tile of 2x2 outputs depends on
// 4x4 inputs. Transformed, each of the 16 places of the tile is a matrix product of its own, tiles times
// channels by channels times filters: 16 multiplications where the sum over the window has 36. The gradient
// of a filter is 3x3 numbers that depend on 2x2 gradients and 4x4 inputs: the products sum over tiles.
//
// Work goes by blocks of tiles, whose transforms stay in the cache of a core.
#include "winograd.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "packing.h"
#include "processor.h"
#include "scratch.h"
#include "winograd_loops.h"

namespace reflow {
namespace {

using winograd::kPanel;
using winograd::kPlaces;
using winograd::kProductRows;
using winograd::Panels;
using winograd::Strip;

constexpr int64_t kTile = 2;    // outputs in a row or a column of a tile
constexpr int64_t kWindow = 3;  // elements in a row or a column of a filter
constexpr int64_t kTaps = kWindow * kWindow;
constexpr int64_t kInputs = kTile + kWindow - 1;
// Tiles that are summed up one after the other for the gradient of a filter: more are less accurate.
constexpr int64_t kFilterTiles = 64;
// The most that a block has for it.
constexpr int64_t kMostFilterTiles = 256;
// Channels that are summed up at a time: 16 KB of a transformed filter.
constexpr int64_t kChannels = 256;
// Elements of a filter that are worth a part of their own when it is transformed.
constexpr int64_t kFilterPart = 1 << 13;
constexpr int kPartsPerThread = 4;
// Bytes that the threads' sums for the gradient of a filter may take together.
constexpr int64_t kMostSums = int64_t{32} << 20;

constexpr int64_t per(int64_t n, int64_t each) { return (n + each - 1) / each; }
constexpr int64_t panels_of(int64_t channels) { return per(channels, kPanel); }

// Images with the channels last, as the windows see them.
struct Images {
  int64_t batch, rows, columns, channels;

  // The pixels of a square; those outside of the image are at `outside`.
  template <int kSide, typename Number>
  void square(Number* data, int64_t image, int64_t row, int64_t column, Number* outside,
              Number** pixels) const {
    for (int i = 0; i < kSide; ++i) {
      const bool in_rows = row + i >= 0 && row + i < rows;
      const int64_t at = ((image * rows + row + i) * columns + column) * channels;
      for (int j = 0; j < kSide; ++j) {
        const bool there = in_rows && column + j >= 0 && column + j < columns;
        pixels[i * kSide + j] = there ? data + (at + j * channels) : outside;
      }
    }
  }
};

// A convolution: of `inputs`, padded by `above` and `left` in front, to `outputs`.
struct Convolution {
  Images inputs, outputs;
  int64_t above, left;

  int64_t down() const { return per(outputs.rows, kTile); }
  int64_t across() const { return per(outputs.columns, kTile); }
  int64_t tiles() const { return outputs.batch * down() * across(); }
};

// Tiles one after the other, all images in a row.
class Tile {
 public:
  Tile(const Convolution& of, int64_t index)
      : of_(of), column_(index % of.across()), row_(index / of.across() % of.down()),
        image_(index / of.across() / of.down()) {}

  void next() {
    if (++column_ < of_.across()) return;
    column_ = 0;
    if (++row_ < of_.down()) return;
    row_ = 0;
    ++image_;
  }

  // The 4x4 inputs, and the 2x2 outputs.
  void inputs(const float* data, const float* outside, const float** pixels) const {
    of_.inputs.square<kInputs>(data, image_, row_ * kTile - of_.above, column_ * kTile - of_.left, outside,
                               pixels);
  }
  template <typename Number>
  void outputs(Number* data, Number* outside, Number** pixels) const {
    of_.outputs.square<kTile>(data, image_, row_ * kTile, column_ * kTile, outside, pixels);
  }

 private:
  const Convolution& of_;
  int64_t column_, row_, image_;
};

// Panels of `channels` with `rows` each. A cache line more from place to place keeps the places of a row,
// which are written one after the other, from crowding each other out of the cache.
Panels panels_at(float* data, int64_t channels, int64_t rows) {
  const int64_t panel = rows * kPanel;
  return {data, panels_of(channels) * panel + kPanel, panel};
}
int64_t size_of(const Panels& panels) { return kPlaces * panels.place; }

// Places for arrays in one block of memory, as numbers from its start.
class Room {
 public:
  int64_t add(int64_t count) {
    const int64_t at = size_;
    size_ += static_cast<int64_t>(aligned(count * sizeof(float)) / sizeof(float));
    return at;
  }
  int64_t size() const { return size_; }

 private:
  int64_t size_ = 0;
};

// The block: what all threads share, and behind it what each slot has of its own.
class Memory {
 public:
  Memory(const Room& shared, const Room& own, int slots)
      : shared_(shared.size()), own_(own.size()),
        scratch_((shared_ + own_ * slots) * sizeof(float)) {}

  float* shared(int64_t at) const { return reinterpret_cast<float*>(scratch_.data()) + at; }
  float* own(int slot, int64_t at) const { return shared(shared_ + slot * own_ + at); }

 private:
  int64_t shared_, own_;
  Scratch scratch_;
};

// Forward and the gradient of the input ---------------------------------------------------------------

// A filter [3, 3, channels, filters]: as it is, or turned by half a circle, filters and channels swapped.
struct Filter {
  const float* data;
  int64_t channels, filters;
  bool turned;

  // Transforms the rows from `begin` to `end`.
  void transform(int64_t begin, int64_t end, const Panels& to) const {
    const winograd::Loops& loops = winograd::loops();
    const float* elements[kTaps];
    if (!turned) {
      // Panel by panel, so that each place is written from one end to the other.
      for (int64_t panel = 0; panel < panels_of(filters); ++panel) {
        const int64_t filter = panel * kPanel, width = std::min(kPanel, filters - filter);
        const Panels there{to.at(0, panel), to.place, to.panel};
        for (int64_t row = begin; row < end; ++row) {
          for (int64_t i = 0; i < kTaps; ++i) elements[i] = data + (i * channels + row) * filters + filter;
          loops.transform_filter(elements, width, there, row);
        }
      }
      return;
    }
    // Some rows and a panel of channels at a time are brought into order.
    constexpr int64_t kSome = 64;
    float ordered[kTaps][kSome][kPanel];
    for (int64_t first = begin; first < end; first += kSome) {
      const int64_t count = std::min(kSome, end - first);
      for (int64_t panel = 0; panel < panels_of(channels); ++panel) {
        const int64_t channel = panel * kPanel, width = std::min(kPanel, channels - channel);
        for (int64_t i = 0; i < kTaps; ++i) {
          const float* from = data + ((kTaps - 1 - i) * channels + channel) * filters + first;
          transpose(from, width, count, filters, ordered[i][0], kPanel);
        }
        const Panels there{to.at(0, panel), to.place, to.panel};
        for (int64_t row = 0; row < count; ++row) {
          for (int64_t i = 0; i < kTaps; ++i) elements[i] = ordered[i][row];
          loops.transform_filter(elements, width, there, first + row);
        }
      }
    }
  }
};

// The products of all places, of `count` tiles and the panels of filters from `first` to `last`.
void multiply_places(const winograd::Loops& loops, const Panels& tiles, const Panels& filter, int64_t count,
                     int64_t channels, int64_t filters, int64_t first, int64_t last,
                     const Panels& products) {
  const int64_t columns = std::min((last - first) * kPanel, filters - first * kPanel);
  for (int64_t place = 0; place < kPlaces; ++place) {
    for (int64_t channel = 0; channel < channels; channel += kChannels) {
      const int64_t inner = std::min(kChannels, channels - channel);
      loops.multiply({tiles.at(place, channel / kPanel), tiles.panel},
                     {filter.at(place, first) + channel * kPanel, filter.panel}, count, inner, columns,
                     {products.at(place, 0), products.panel}, channel > 0);
    }
  }
}

// How many tiles a block of outputs has: they fill the registers of `multiply` without rest. Where there are few,
// all threads get equally many blocks.
int64_t tiles_of_block(const winograd::Loops& loops, int64_t tiles, int64_t threads) {
  int64_t blocks = per(tiles, loops.tiles);
  if (blocks < kPartsPerThread * threads) blocks = std::max<int64_t>(blocks / threads, 1) * threads;
  return per(per(tiles, blocks), kProductRows) * kProductRows;
}

void convolve_with(const Filter& filter, const Convolution& work, const Pool& pool, const float* images,
                   const winograd::Epilogue& epilogue, const float* added, float* result) {
  const winograd::Loops& loops = winograd::loops();
  const int64_t channels = work.inputs.channels, filters = work.outputs.channels, tiles = work.tiles();
  const int64_t each = tiles_of_block(loops, tiles, pool.threads), panels = panels_of(filters);
  const int blocks = static_cast<int>(per(tiles, each));
  Panels transformed = panels_at(nullptr, filters, channels);
  Panels inputs = panels_at(nullptr, channels, each);
  Panels products = panels_at(nullptr, std::min(panels, loops.filter_panels) * kPanel, each);
  Room shared, own;
  const int64_t at_filter = shared.add(size_of(transformed)), at_zeros = shared.add(channels);
  const int64_t at_inputs = own.add(size_of(inputs)), at_products = own.add(size_of(products));
  const int64_t at_outside = own.add(filters);
  const Memory memory(shared, own, std::min(pool.threads, blocks));
  float* const zeros = memory.shared(at_zeros);
  std::fill(zeros, zeros + channels, 0.0f);
  transformed.data = memory.shared(at_filter);
  const int64_t wanted =
      std::clamp<int64_t>(channels * filters / kFilterPart, 1, kPartsPerThread * pool.threads);
  const int64_t rows = per(per(channels, wanted), kPanel) * kPanel;
  in_parts(pool, static_cast<int>(per(channels, rows)), [&](int part, int) {
    filter.transform(part * rows, std::min((part + 1) * rows, channels), transformed);
  });
  in_parts(pool, blocks, [&](int block, int slot) {
    const Panels in{memory.own(slot, at_inputs), inputs.place, inputs.panel};
    const Panels out{memory.own(slot, at_products), products.place, products.panel};
    float* const outside = memory.own(slot, at_outside);
    const int64_t begin = block * each, count = std::min(each, tiles - begin);
    const float* given[kInputs * kInputs];
    Tile tile(work, begin);
    for (int64_t i = 0; i < count; ++i, tile.next()) {
      tile.inputs(images, zeros, given);
      loops.transform_images(given, channels, in, i);
    }
    for (int64_t first = 0; first < panels; first += loops.filter_panels) {
      const int64_t last = std::min(first + loops.filter_panels, panels), filter_at = first * kPanel;
      multiply_places(loops, in, transformed, count, channels, filters, first, last, out);
      const int64_t width = std::min(filters, last * kPanel) - filter_at;
      winograd::Epilogue ending = epilogue;
      if (ending.bias != nullptr) ending.bias += filter_at;
      if (ending.scale != nullptr) ending.scale += filter_at;
      float* pixels[kTile * kTile];
      const float* others[kTile * kTile];
      if (added != nullptr) ending.added = others;
      Tile done(work, begin);
      for (int64_t i = 0; i < count; ++i, done.next()) {
        done.outputs(result + filter_at, outside, pixels);
        if (added != nullptr) done.outputs<const float>(added + filter_at, outside, others);
        loops.finish_outputs(out, i, width, ending, pixels);
      }
    }
  });
}

// The gradient of the filter ---------------------------------------------------------------------------

// Sums of products: per place, panel of channels and panel of filters a matrix of 16x16.
struct Sums {
  float* data;
  int64_t channel_panels, filter_panels;

  static constexpr int64_t kBlock = kPanel * kPanel;
  int64_t place() const { return channel_panels * filter_panels * kBlock + kPanel; }
  int64_t size() const { return kPlaces * place(); }
  float* at(int64_t place_index, int64_t channel_panel, int64_t filter_panel) const {
    return data + place_index * place() + (channel_panel * filter_panels + filter_panel) * kBlock;
  }
};

// Chains of blocks that are summed up one after the other, and slices of the filters: together parts of the
// work. The order in which numbers are added does not depend on which thread is faster.
struct Division {
  int64_t tiles_of_block, chains, blocks_of_chain, slices, panels_of_slice;

  Division(const Sums& sums, int64_t tiles, int64_t threads) {
    // Sums that leave the cache are read and written for each block: as many tiles as make the transforms as large.
    const int64_t panels = sums.channel_panels * sums.filter_panels;
    const int64_t balanced = panels * kPanel / (sums.channel_panels + sums.filter_panels);
    tiles_of_block = std::clamp(balanced / kFilterTiles * kFilterTiles, kFilterTiles, kMostFilterTiles);
    const int64_t blocks = per(tiles, tiles_of_block);
    const int64_t most = kMostSums / (sums.size() * static_cast<int64_t>(sizeof(float)));
    chains = std::clamp<int64_t>(std::min(most, blocks), 1, threads);
    blocks_of_chain = per(blocks, chains);
    chains = per(blocks, blocks_of_chain);
    panels_of_slice = per(sums.filter_panels, std::min(threads / chains, sums.filter_panels));
    slices = per(sums.filter_panels, panels_of_slice);
  }
};

void sum_places(const winograd::Loops& loops, const Panels& inputs, const Panels& gradients, int64_t count,
                int64_t channels, int64_t filters, int64_t first_panel, const Sums& sums, bool adds) {
  for (int64_t place = 0; place < kPlaces; ++place) {
    for (int64_t i = 0; i < sums.channel_panels; ++i) {
      const int64_t rows = std::min(kPanel, channels - i * kPanel);
      const Strip<float> total{sums.at(place, i, first_panel), Sums::kBlock};
      for (int64_t at = 0; at < count; at += kFilterTiles) {
        const int64_t inner = std::min(kFilterTiles, count - at);
        loops.multiply_transposed({inputs.at(place, i) + at * kPanel, 0},
                                  {gradients.at(place, 0) + at * kPanel, gradients.panel}, rows, inner, filters,
                                  total, adds || at > 0);
      }
    }
  }
}

// Adds up the chains' sums of one panel of channels and transforms them back.
void finish_panel(const Sums& sums, int64_t chains, int64_t panel, int64_t channels, int64_t filters,
                  float* result) {
  const int64_t row_of_blocks = sums.filter_panels * Sums::kBlock;
  for (int64_t chain = 1; chain < chains; ++chain) {
    for (int64_t place = 0; place < kPlaces; ++place) {
      float* total = sums.at(place, panel, 0);
      const float* other = total + chain * sums.size();
      for (int64_t i = 0; i < row_of_blocks; ++i) total[i] += other[i];
    }
  }
  const Panels from{sums.at(0, panel, 0), sums.place(), Sums::kBlock};
  const int64_t first = panel * kPanel, rows = std::min(kPanel, channels - first);
  const winograd::Loops& loops = winograd::loops();
  for (int64_t row = 0; row < rows; ++row) {
    float* elements[kTaps];
    for (int64_t i = 0; i < kTaps; ++i) elements[i] = result + (i * channels + first + row) * filters;
    loops.finish_filter(from, row, filters, elements);
  }
}

void filter_gradient(const Convolution& work, const Pool& pool, const float* images, const float* gradients,
                     float* result) {
  const winograd::Loops& loops = winograd::loops();
  const int64_t channels = work.inputs.channels, filters = work.outputs.channels, tiles = work.tiles();
  Sums sums{nullptr, panels_of(channels), panels_of(filters)};
  const Division division(sums, tiles, pool.threads);
  const int parts = static_cast<int>(division.chains * division.slices);
  const int64_t most = std::min(division.tiles_of_block, tiles);
  const Panels of_inputs = panels_at(nullptr, channels, most);
  const Panels of_gradients = panels_at(nullptr, division.panels_of_slice * kPanel, most);
  Room shared, own;
  const int64_t at_sums = shared.add(sums.size() * division.chains);
  const int64_t at_zeros = shared.add(std::max(channels, filters));
  const int64_t at_inputs = own.add(size_of(of_inputs)), at_gradients = own.add(size_of(of_gradients));
  const Memory memory(shared, own, std::min(pool.threads, parts));
  const float* const zeros = memory.shared(at_zeros);
  std::fill_n(memory.shared(at_zeros), std::max(channels, filters), 0.0f);
  sums.data = memory.shared(at_sums);
  in_parts(pool, parts, [&](int part, int slot) {
    const Panels in{memory.own(slot, at_inputs), of_inputs.place, of_inputs.panel};
    const Panels out{memory.own(slot, at_gradients), of_gradients.place, of_gradients.panel};
    const int64_t chain = part / division.slices;
    const Sums mine{sums.data + chain * sums.size(), sums.channel_panels, sums.filter_panels};
    const int64_t first_panel = part % division.slices * division.panels_of_slice;
    const int64_t first = first_panel * kPanel;
    const int64_t width = std::min(division.panels_of_slice * kPanel, filters - first);
    const int64_t begin = chain * division.blocks_of_chain * division.tiles_of_block;
    const int64_t end = std::min(begin + division.blocks_of_chain * division.tiles_of_block, tiles);
    const float* pixels[kInputs * kInputs];
    Tile tile(work, begin);
    for (int64_t at = begin; at < end; at += division.tiles_of_block) {
      const int64_t count = std::min(division.tiles_of_block, end - at);
      for (int64_t i = 0; i < count; ++i, tile.next()) {
        tile.inputs(images, zeros, pixels);
        loops.transform_images(pixels, channels, in, i);
        tile.outputs(gradients + first, zeros, pixels);
        loops.transform_gradients(pixels, width, out, i);
      }
      sum_places(loops, in, out, count, channels, width, first_panel, mine, at > begin);
    }
  });
  in_parts(pool, static_cast<int>(sums.channel_panels), [&](int panel, int) {
    finish_panel(sums, division.chains, panel, channels, filters, result);
  });
}

winograd::Epilogue epilogue_of(const Spec& spec, const float* bias) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float low = spec.after == After::kBias ? -kInfinity : 0.0f;
  const float high = spec.after == After::kRelu6 ? 6.0f : kInfinity;
  return {bias, spec.scaled ? bias + spec.filters : nullptr, nullptr, low, high};
}

}  // namespace

std::string winograd_implementation(const Spec& spec) {
  bool fits = !spec.is_pooling() && !spec.is_normalization() && spec.type == Type::kFloat32 &&
              spec.groups == 1 && spec.axes.size() == 2 && !spec.channels_first;
  for (const Axis& axis : spec.axes) {
    fits = fits && axis.kernel == kWindow && axis.stride == 1 && axis.dilation == 1;
  }
  if (!fits) throw std::runtime_error("not for Winograd's algorithm");
  if (vector_bytes() < kAvx2) throw std::runtime_error("Winograd's algorithm needs AVX2");
  return "Winograd's algorithm";
}

void winograd_convolve(const Spec& spec, const Pool& pool, const void* a, const void* b,
                       const Following& following, void* result) {
  winograd_implementation(spec);
  const Axis &rows = spec.axes[0], &columns = spec.axes[1];
  const Images inputs{spec.batch, rows.size, columns.size, spec.channels};
  const Images outputs{spec.batch, rows.output, columns.output, spec.filters};
  const auto *first = static_cast<const float*>(a), *second = static_cast<const float*>(b);
  auto* const to = static_cast<float*>(result);
  switch (spec.kind) {
    case Kind::kForward:
      convolve_with({second, spec.channels, spec.filters, false}, {inputs, outputs, rows.lo, columns.lo},
                    pool, first, epilogue_of(spec, following.bias), following.added, to);
      break;
    case Kind::kInputGradient:
      convolve_with({first, spec.channels, spec.filters, true},
                    {outputs, inputs, kWindow - 1 - rows.lo, kWindow - 1 - columns.lo}, pool, second,
                    winograd::Epilogue{}, nullptr, to);
      break;
    default:
      filter_gradient({inputs, outputs, rows.lo, columns.lo}, pool, first, second, to);
  }
}

}  // namespace reflow
