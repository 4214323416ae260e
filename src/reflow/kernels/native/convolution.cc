#include "convolution.h"

#include <algorithm>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <unordered_map>

#include "cache.h"
#include "engine.h"
#include "scratch.h"

namespace reflow {
namespace {

using dnnl::memory;
using dnnl::primitive_attr;
using Dims = memory::dims;

constexpr std::size_t kMostPlans = 256;
// Multiplications that are worth a part of their own: some tenths of a millisecond.
constexpr double kPart = 2e7;
// Parts per thread: more than one, so that a thread that is held up leaves work to the others.
constexpr int kPartsPerThread = 4;
// Elements that a part may have when it must be copied: some images that stay in the cache.
constexpr int64_t kCopied = int64_t{1} << 20;
// Channels that a part has a multiple of, which oneDNN's kernels take at a time.
constexpr int64_t kChannels = 64;
// Elements of a filter from which on several threads bring it into order.
constexpr int64_t kReordered = int64_t{1} << 16;

memory::data_type given_type(const Spec& spec) {
  return spec.type == Type::kFloat32 ? memory::data_type::f32 : memory::data_type::bf16;
}

// The type in which a primitive takes its images. oneDNN 3.2's gradients of filters in bfloat16 write
// beyond their memory for some shapes: those are computed in float32.
memory::data_type taken_type(const Spec& spec) {
  return spec.kind == Kind::kFilterGradient ? memory::data_type::f32 : given_type(spec);
}

// Whether images must be copied for the primitive, because they lie or are otherwise.
bool copies_images(const Spec& spec) {
  return spec.channels_first || given_type(spec) != taken_type(spec);
}

// Whether the pixels that windows of one element leave out are taken from the images first, so that the steps are
// of one. oneDNN 3.2's gradients of filters take twice as long with longer steps, or write beyond their memory.
bool thins(const Spec& spec) {
  if (spec.kind != Kind::kFilterGradient || spec.taps() != 1 || copies_images(spec)) return false;
  bool steps = false;
  for (const Axis& axis : spec.axes) {
    if (axis.lo != 0 || axis.hi != 0) return false;
    steps = steps || axis.stride != 1;
  }
  return steps;
}

// Arrays in memory ----------------------------------------------------------------------------------

// Images whose channels lie side by side, whatever the rank: oneDNN calls it nwc, nhwc or ndhwc.
memory::desc channels_last(memory::data_type type, int64_t images, int64_t channels,
                           const Dims& sizes) {
  Dims dims = {images, channels};
  dims.insert(dims.end(), sizes.begin(), sizes.end());
  Dims strides(dims.size());
  int64_t step = channels;
  for (std::size_t i = dims.size(); i-- > 2;) {
    strides[i] = step;
    step *= dims[i];
  }
  strides[1] = 1;
  strides[0] = step;
  return memory::desc(dims, type, strides);
}

// The same images as a part of an array with the channels first, in which images have `whole` sizes.
memory::desc channels_first(memory::data_type type, int64_t images, int64_t channels,
                            const Dims& sizes, const Dims& whole) {
  Dims dims = {images, channels};
  dims.insert(dims.end(), sizes.begin(), sizes.end());
  Dims strides(dims.size());
  int64_t step = 1;
  for (std::size_t i = dims.size(); i-- > 2;) {
    strides[i] = step;
    step *= whole[i - 2];
  }
  strides[1] = step;
  strides[0] = step * channels;
  return memory::desc(dims, type, strides);
}

// The filter for some of the channels.
Dims filter_dims(const Spec& spec, int64_t channels) {
  Dims dims;
  if (spec.groups > 1) dims.push_back(spec.groups);
  dims.push_back(spec.filters / spec.groups);
  dims.push_back(channels / spec.groups);
  for (const Axis& axis : spec.axes) dims.push_back(axis.kernel);
  return dims;
}

// The filter as TensorFlow has it: [spatial..., channels of a group, groups, filters of a group].
memory::desc given_filter(const Spec& spec) {
  const Dims dims = filter_dims(spec, spec.channels);
  Dims strides(dims.size());
  std::size_t at = 0;
  if (spec.groups > 1) strides[at++] = spec.filters / spec.groups;
  strides[at++] = 1;
  strides[at++] = spec.filters;
  int64_t step = spec.filters * (spec.channels / spec.groups);
  for (std::size_t i = dims.size(); i-- > at;) {
    strides[i] = step;
    step *= dims[i];
  }
  return memory::desc(dims, given_type(spec), strides);
}

// Parts ----------------------------------------------------------------------------------------------

// Some images, and of their outputs (of an input gradient: of their inputs) some rows.
struct Part {
  int64_t first_image, images;
  int64_t input_row, output_row;  // where the rows of the part begin
  Axis rows;                      // the first spatial dimension of the part
  int64_t first_channel, channels;
};

// Whether threads share the channels for the gradient of a filter, not the images: what they compute is then not to
// be added up. It is worth it where the filter is larger than the images, of which each copies its channels.
bool by_channels(const Spec& spec, int threads) {
  if (spec.kind != Kind::kFilterGradient || spec.groups > 1 || copies_images(spec)) return false;
  const int64_t pixels = spec.batch * (thins(spec) ? spec.output_pixels() : spec.pixels());
  return threads > 1 && spec.channels >= kChannels * threads && spec.filter_elements() > spec.channels * pixels &&
         spec.multiplications() > kPart * threads;
}

// The part of a dimension that gives the outputs from `begin` to `end`.
bool of_outputs(const Axis& whole, int64_t begin, int64_t end, Part* part) {
  const int64_t start = begin * whole.stride - whole.lo;
  const int64_t stop = (end - 1) * whole.stride + whole.reach() - whole.lo;
  const int64_t first = std::max<int64_t>(start, 0), last = std::min(stop, whole.size);
  if (first >= last) return false;  // padding alone
  part->input_row = first;
  part->output_row = begin;
  part->rows = {last - first, whole.kernel, end - begin, whole.stride, whole.dilation,
                first - start, stop - last};
  return true;
}

// The part of a dimension that gives the gradients of the inputs from `begin` to `end`.
bool of_inputs(const Axis& whole, int64_t begin, int64_t end, Part* part) {
  const int64_t above = begin + whole.lo - whole.reach() + 1;
  const int64_t first = above <= 0 ? 0 : (above + whole.stride - 1) / whole.stride;
  const int64_t last = std::min((end - 1 + whole.lo) / whole.stride + 1, whole.output);
  if (first >= last) return false;
  const int64_t lo = begin + whole.lo - first * whole.stride;
  const int64_t stop = (last - 1) * whole.stride + whole.reach() - whole.lo;
  const int64_t hi = stop - end;
  // A window that begins after the part does, or ends so that the rest would count as another one.
  if (lo < 0 || hi <= -whole.stride) return false;
  part->input_row = begin;
  part->output_row = first;
  part->rows = {end - begin, whole.kernel, last - first, whole.stride, whole.dilation, lo, hi};
  return hi >= 0 || last == whole.output;
}

// The largest divisor of `n` from `least` up to `most`, or `most` when there is none.
int64_t divisor(int64_t n, int64_t least, int64_t most) {
  for (int64_t d = most; d >= std::max<int64_t>(least, 1); --d) {
    if (n % d == 0) return d;
  }
  return most;
}

std::vector<Part> parts_of(const Spec& spec, int threads) {
  const double wanted = std::min(std::max(spec.multiplications() / kPart, 1.0),
                                 static_cast<double>(kPartsPerThread) * threads);
  // Each part of a filter gradient is a filter to be added up at the end: as few as there are threads.
  const bool of_filter = spec.kind == Kind::kFilterGradient;
  if (by_channels(spec, threads)) {
    const int64_t each = (spec.channels / threads + kChannels - 1) / kChannels * kChannels;
    std::vector<Part> parts;
    for (int64_t first = 0; first < spec.channels; first += each) {
      parts.push_back(Part{0, spec.batch, 0, 0, spec.axes[0], first, std::min(each, spec.channels - first)});
    }
    return parts;
  }
  const int64_t most = of_filter ? threads : kPartsPerThread * threads;
  const int64_t count = std::min(static_cast<int64_t>(wanted), most);
  std::vector<Part> parts;
  const Axis& rows = spec.axes[0];
  if (count > 1 && spec.batch < threads) {
    const bool by_input = spec.kind == Kind::kInputGradient;
    const int64_t whole = by_input ? rows.size : rows.output;
    const int64_t bands = std::min(std::max<int64_t>(count / spec.batch, 1), whole);
    const int64_t each = (whole + bands - 1) / bands;
    bool ok = true;
    for (int64_t image = 0; image < spec.batch && ok; ++image) {
      for (int64_t begin = 0; begin < whole && ok; begin += each) {
        Part part{image, 1, 0, 0, rows, 0, spec.channels};
        const int64_t end = std::min(begin + each, whole);
        ok = by_input ? of_inputs(rows, begin, end, &part) : of_outputs(rows, begin, end, &part);
        parts.push_back(part);
      }
    }
    if (ok) return parts;
    parts.clear();
  }
  int64_t each = (spec.batch + count - 1) / count;
  if (copies_images(spec)) {
    const int64_t image = std::max(spec.input_elements(), spec.output_elements()) / spec.batch;
    each = std::max<int64_t>(std::min<int64_t>(each, kCopied / image), 1);
  }
  if (!of_filter) each = divisor(spec.batch, (each + 1) / 2, each);
  for (int64_t first = 0; first < spec.batch; first += each) {
    parts.push_back(Part{first, std::min(each, spec.batch - first), 0, 0, rows, 0, spec.channels});
  }
  return parts;
}

// Plans ----------------------------------------------------------------------------------------------

// Whether a part's images are not all that lies between its first number and its last.
bool takes_pixels(const Spec& spec, const Part& part) { return thins(spec) || part.channels != spec.channels; }

// What oneDNN needs to compute parts of one size.
struct Recipe {
  dnnl::primitive primitive;
  memory::desc input, output;  // as the primitive takes them, with the channels last
  memory::desc filter;
  memory::desc scratchpad;
  std::string name;
};

struct Plan {
  std::vector<Part> parts;
  std::vector<std::size_t> recipe_of;  // per part
  std::vector<Recipe> recipes;
  std::size_t filter_size = 0;  // bytes of the filter as the recipes take it
  std::size_t scratchpad = 0;   // the most that a part needs
  std::size_t images_in = 0, images_out = 0;  // the most that copies of a part's images need

  // What a part needs beside the filter.
  std::size_t room() const { return scratchpad + images_in + images_out; }
};

// Sizes of a part's images, as the primitive takes them.
Dims sizes_of(const Spec& spec, const Part& part, bool output) {
  Dims sizes;
  const bool outputs = output || thins(spec);
  for (const Axis& axis : spec.axes) sizes.push_back(outputs ? axis.output : axis.size);
  sizes[0] = outputs ? part.rows.output : part.rows.size;
  return sizes;
}

// Whether oneDNN 3.2's implementation of this name writes beyond its scratchpad: the gradient of a filter of one
// element copies the images that strides leave, with AVX2 one pixel too many.
bool writes_beyond(const std::string& implementation, const Dims& strides) {
  return implementation.find("1x1") != std::string::npos &&
         std::any_of(strides.begin(), strides.end(), [](int64_t stride) { return stride != 1; });
}

Recipe make_recipe(const Spec& spec, const Part& part, const memory::desc* agreed) {
  SingleThreaded single;
  Recipe recipe;
  const auto type = taken_type(spec);
  recipe.input = channels_last(type, part.images, part.channels, sizes_of(spec, part, false));
  recipe.output = channels_last(type, part.images, spec.filters, sizes_of(spec, part, true));
  memory::desc filter(filter_dims(spec, part.channels), type, memory::format_tag::any);
  if (agreed != nullptr) filter = *agreed;
  Dims strides, dilations, lo, hi;
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
    const Axis& axis = i == 0 ? part.rows : spec.axes[i];
    strides.push_back(thins(spec) ? 1 : axis.stride);
    dilations.push_back(axis.dilation - 1);
    lo.push_back(axis.lo);
    hi.push_back(thins(spec) ? 0 : axis.hi);
  }
  primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto direct = dnnl::algorithm::convolution_direct;
  const memory::desc forward_filter(filter_dims(spec, part.channels), type, memory::format_tag::any);
  const dnnl::convolution_forward::primitive_desc forward(
      engine(), dnnl::prop_kind::forward_training, direct, recipe.input,
      spec.kind == Kind::kForward ? filter : forward_filter, recipe.output, strides, dilations, lo, hi,
      attr);
  const auto keep = [&recipe](const auto& descriptor) {
    recipe.scratchpad = descriptor.scratchpad_desc();
    recipe.name = descriptor.impl_info_str();
  };
  switch (spec.kind) {
    case Kind::kForward: {
      keep(forward);
      recipe.filter = forward.weights_desc();
      recipe.primitive = dnnl::convolution_forward(forward);
      break;
    }
    case Kind::kInputGradient: {
      const dnnl::convolution_backward_data::primitive_desc backward(
          engine(), direct, recipe.input, filter, recipe.output, strides, dilations, lo, hi, forward,
          attr);
      keep(backward);
      recipe.filter = backward.weights_desc();
      recipe.primitive = dnnl::convolution_backward_data(backward);
      break;
    }
    case Kind::kFilterGradient: {
      dnnl::convolution_backward_weights::primitive_desc backward(
          engine(), direct, recipe.input, filter, recipe.output, strides, dilations, lo, hi, forward,
          attr);
      while (writes_beyond(backward.impl_info_str(), strides) && backward.next_impl()) continue;
      keep(backward);
      recipe.filter = backward.diff_weights_desc();
      recipe.primitive = dnnl::convolution_backward_weights(backward);
      break;
    }
    default:
      throw std::logic_error("not a convolution");
  }
  if (recipe.name.find("ref") != std::string::npos) {
    throw std::runtime_error("oneDNN has only its reference implementation");
  }
  if (spec.kind == Kind::kFilterGradient && writes_beyond(recipe.name, strides)) {
    throw std::runtime_error("oneDNN's implementation writes beyond its memory");
  }
  return recipe;
}

std::shared_ptr<const Plan> make_plan(const Spec& spec, int threads) {
  auto plan = std::make_shared<Plan>();
  plan->parts = parts_of(spec, threads);
  std::vector<std::vector<int64_t>> seen;
  for (const Part& part : plan->parts) {
    const std::vector<int64_t> key = {part.images, part.rows.size, part.rows.output, part.rows.lo,
                                      part.rows.hi, part.channels};
    const auto found = std::find(seen.begin(), seen.end(), key);
    plan->recipe_of.push_back(found - seen.begin());
    if (found != seen.end()) continue;
    seen.push_back(key);
    // The filter is brought into order once: all parts take it as the first one wants it.
    plan->recipes.push_back(
        make_recipe(spec, part, plan->recipes.empty() || by_channels(spec, threads) ? nullptr : &plan->recipes[0].filter));
    const Recipe& recipe = plan->recipes.back();
    plan->scratchpad = std::max(plan->scratchpad, aligned(recipe.scratchpad.get_size()));
    if (copies_images(spec) || takes_pixels(spec, part)) {
      plan->images_in = std::max(plan->images_in, aligned(recipe.input.get_size()));
    }
    if (copies_images(spec)) {
      plan->images_out = std::max(plan->images_out, aligned(recipe.output.get_size()));
    }
  }
  for (const Recipe& recipe : plan->recipes) {
    plan->filter_size = std::max(plan->filter_size, aligned(recipe.filter.get_size()));
  }
  return plan;
}

std::shared_ptr<const Plan> plan_of(const Spec& spec, int threads) {
  static Cache<Plan>& plans = *new Cache<Plan>(kMostPlans);
  std::vector<int64_t> key = spec.flat;
  key.push_back(threads);
  return plans.get(key, [&] { return make_plan(spec, threads); });
}

// Calls ----------------------------------------------------------------------------------------------

memory at(const memory::desc& desc, const void* data) {
  return memory(desc, engine(), const_cast<void*>(data));
}

void reorder(dnnl::stream& stream, const memory& from, const memory& to) {
  dnnl::reorder(from, to).execute(stream, const_cast<memory&>(from), const_cast<memory&>(to));
}

// How many filters a layout keeps together.
int64_t filters_together(const memory::desc& layout) {
  const Dims blocks = layout.get_inner_blks(), dims = layout.get_inner_idxs();
  int64_t count = 1;
  for (std::size_t i = 0; i < blocks.size(); ++i) count *= dims[i] == 0 ? blocks[i] : 1;
  return count;
}

// Brings a filter, or its gradient, into another order: some filters in each part.
void reorder_filter(const Spec& spec, const Pool& pool, const memory::desc& from, const void* given,
                    const memory::desc& to, void* result) {
  const auto one = [&](const memory::desc& a, const memory::desc& b) {
    dnnl::stream stream(engine());
    reorder(stream, at(a, given), at(b, result));
    stream.wait();
  };
  const int64_t together = filters_together(from) * filters_together(to);  // one of them is the plain order
  const int64_t each = (spec.filters / pool.threads + together - 1) / together * together;
  if (spec.groups > 1 || each >= spec.filters || spec.filter_elements() < kReordered) {
    SingleThreaded single;
    return one(from, to);
  }
  const int count = static_cast<int>((spec.filters + each - 1) / each);
  in_parts(pool, count, [&](int part, int) {
    Dims sizes = filter_dims(spec, spec.channels), first(sizes.size(), 0);
    first[0] = part * each;
    sizes[0] = std::min(each, spec.filters - first[0]);
    one(from.submemory_desc(sizes, first), to.submemory_desc(sizes, first));
  });
}

// The channels of a part's images, pixel by pixel; of windows of one element only the pixels that they take.
void take_pixels(const Spec& spec, const Part& part, const float* images, float* to) {
  const int64_t channels = spec.channels;
  const Dims sizes = sizes_of(spec, part, false);
  const auto take = [&](const auto& self, std::size_t axis, const float* from) -> void {
    if (axis == spec.axes.size()) {
      to = std::copy(from, from + part.channels, to);
      return;
    }
    int64_t step = channels * (thins(spec) ? spec.axes[axis].stride : 1);
    for (std::size_t i = axis + 1; i < spec.axes.size(); ++i) step *= spec.axes[i].size;
    for (int64_t i = 0; i < sizes[axis]; ++i) self(self, axis + 1, from + i * step);
  };
  for (int64_t image = 0; image < part.images; ++image) {
    take(take, 0, images + image * spec.pixels() * channels + part.first_channel);
  }
}

// Images of a part: as they are given, and as the primitive takes them.
class Images {
 public:
  Images(const Spec& spec, const Part& part, bool output, const void* data, const memory::desc& taken,
         char* room) {
    const int64_t channels = output ? spec.filters : spec.channels;
    const int64_t row = output ? part.output_row : part.input_row;
    Dims whole;
    for (const Axis& axis : spec.axes) whole.push_back(output ? axis.output : axis.size);
    int64_t per_image = channels, per_row = spec.channels_first ? 1 : channels;
    for (int64_t n : whole) per_image *= n;
    for (std::size_t i = 1; i < whole.size(); ++i) per_row *= whole[i];
    const char* start = static_cast<const char*>(data) +
                        (part.first_image * per_image + row * per_row) * spec.item();
    copied_ = copies_images(spec);
    const bool takes = !output && takes_pixels(spec, part);
    taken_ = at(taken, copied_ || takes ? room : start);
    if (takes) take_pixels(spec, part, reinterpret_cast<const float*>(start), reinterpret_cast<float*>(room));
    if (!copied_) return;
    const Dims sizes = sizes_of(spec, part, output);
    const auto type = given_type(spec);
    given_ = at(spec.channels_first ? channels_first(type, part.images, channels, sizes, whole)
                                    : channels_last(type, part.images, channels, sizes),
                start);
  }

  const memory& in(dnnl::stream& stream) const {
    if (copied_) reorder(stream, given_, taken_);
    return taken_;
  }
  const memory& out() const { return taken_; }
  void done(dnnl::stream& stream) const {
    if (copied_) reorder(stream, taken_, given_);
  }

 private:
  bool copied_ = false;
  memory given_, taken_;
};

void add(float* total, const float* other, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) total[i] += other[i];
}

// What one call works with.
struct Call {
  const Spec& spec;
  const Plan& plan;
  const void *a, *b;
  const Following& following;
  void* result;
};

// Computes one part, in `room` for what it needs beside. `filter` is the filter, or its gradient.
void run_part(const Call& call, int index, char* filter, char* room) {
  const Spec& spec = call.spec;
  const Part& part = call.plan.parts[index];
  const Recipe& recipe = call.plan.recipes[call.plan.recipe_of[index]];
  dnnl::stream stream(engine());
  char* room_in = room + call.plan.scratchpad;
  char* room_out = room_in + call.plan.images_in;
  std::unordered_map<int, memory> arguments = {{DNNL_ARG_SCRATCHPAD, at(recipe.scratchpad, room)}};
  switch (spec.kind) {
    case Kind::kForward: {
      const Images x(spec, part, false, call.a, recipe.input, room_in);
      const Images y(spec, part, true, call.result, recipe.output, room_out);
      arguments[DNNL_ARG_SRC] = x.in(stream);
      arguments[DNNL_ARG_WEIGHTS] = at(recipe.filter, filter);
      arguments[DNNL_ARG_DST] = y.out();
      recipe.primitive.execute(stream, arguments);
      if (spec.after != After::kNothing) {
        stream.wait();
        const int64_t pixels = recipe.output.get_size() / sizeof(float) / spec.filters;
        auto* const first = static_cast<float*>(y.out().get_data_handle());
        Following following = call.following;
        if (spec.adds) following.added += first - static_cast<float*>(call.result);
        finish_pixels(spec, following, first, pixels);
      }
      y.done(stream);
      break;
    }
    case Kind::kInputGradient: {
      const Images dy(spec, part, true, call.b, recipe.output, room_out);
      const Images dx(spec, part, false, call.result, recipe.input, room_in);
      arguments[DNNL_ARG_DIFF_DST] = dy.in(stream);
      arguments[DNNL_ARG_WEIGHTS] = at(recipe.filter, filter);
      arguments[DNNL_ARG_DIFF_SRC] = dx.out();
      recipe.primitive.execute(stream, arguments);
      dx.done(stream);
      break;
    }
    case Kind::kFilterGradient: {
      const Images x(spec, part, false, call.a, recipe.input, room_in);
      const Images dy(spec, part, true, call.b, recipe.output, room_out);
      arguments[DNNL_ARG_SRC] = x.in(stream);
      arguments[DNNL_ARG_DIFF_DST] = dy.in(stream);
      arguments[DNNL_ARG_DIFF_WEIGHTS] = at(recipe.filter, filter);
      recipe.primitive.execute(stream, arguments);
      break;
    }
    default:
      throw std::logic_error("not a convolution");
  }
  stream.wait();
}

// Forward and the gradient of the input: the filter is brought into order once, for all parts.
void by_filter(const Call& call, const Pool& pool) {
  const Plan& plan = call.plan;
  const int count = static_cast<int>(plan.parts.size());
  Scratch scratch(plan.filter_size + plan.room() * std::min(count, pool.threads));
  const void* given = call.spec.kind == Kind::kForward ? call.b : call.a;
  reorder_filter(call.spec, pool, given_filter(call.spec), given, plan.recipes[0].filter, scratch.data());
  in_parts(pool, count, [&](int part, int slot) {
    run_part(call, part, scratch.data(), scratch.data() + plan.filter_size + slot * plan.room());
  });
}

// The gradient of the filter, of which each part has the channels to itself.
void to_channels(const Call& call, const Pool& pool) {
  const Plan& plan = call.plan;
  const int count = static_cast<int>(plan.parts.size());
  const std::size_t each = plan.filter_size + plan.room();
  Scratch scratch(each * std::min(count, pool.threads));
  in_parts(pool, count, [&](int index, int slot) {
    const Part& part = plan.parts[index];
    char* gradient = scratch.data() + slot * each;
    run_part(call, index, gradient, gradient + plan.filter_size);
    const Dims sizes = filter_dims(call.spec, part.channels);
    Dims first(sizes.size(), 0);
    first[1] = part.first_channel;
    dnnl::stream stream(engine());
    reorder(stream, at(plan.recipes[plan.recipe_of[index]].filter, gradient),
            at(given_filter(call.spec).submemory_desc(sizes, first), call.result));
    stream.wait();
  });
}

// The gradient of the filter: parts are added up in chains, one a thread, so that the order in which
// numbers are added does not depend on which thread was faster.
void to_filter(const Call& call, const Pool& pool) {
  const Plan& plan = call.plan;
  const int count = static_cast<int>(plan.parts.size());
  const int chains = std::min(count, pool.threads);
  const std::size_t filters = count > chains ? 2 : 1;  // the sum, and the part to be added to it
  const std::size_t per_chain = filters * plan.filter_size + plan.room();
  Scratch scratch(chains * per_chain);
  const memory::desc& packed = plan.recipes[0].filter;
  const std::size_t elements = packed.get_size() / sizeof(float);
  in_parts(pool, chains, [&](int chain, int) {
    char* total = scratch.data() + chain * per_chain;
    char* room = total + filters * plan.filter_size;
    run_part(call, chain, total, room);
    for (int part = chain + chains; part < count; part += chains) {
      char* next = total + plan.filter_size;
      run_part(call, part, next, room);
      add(reinterpret_cast<float*>(total), reinterpret_cast<float*>(next), elements);
    }
  });
  const int adders = elements < kReordered ? 1 : pool.threads;
  in_parts(pool, adders, [&](int part, int) {
    const std::size_t first = elements * part / adders, count = elements * (part + 1) / adders - first;
    for (int chain = 1; chain < chains; ++chain) {
      add(reinterpret_cast<float*>(scratch.data()) + first,
          reinterpret_cast<float*>(scratch.data() + chain * per_chain) + first, count);
    }
  });
  reorder_filter(call.spec, pool, packed, scratch.data(), given_filter(call.spec), call.result);
}

}  // namespace

std::string convolution_implementation(const Spec& spec, int threads) {
  return plan_of(spec, threads)->recipes[0].name;
}

void convolve(const Spec& spec, const Pool& pool, const void* a, const void* b, const Following& following,
              void* result) {
  const auto plan = plan_of(spec, pool.threads);
  const Call call{spec, *plan, a, b, following, result};
  if (by_channels(spec, pool.threads)) {
    to_channels(call, pool);
  } else if (spec.kind == Kind::kFilterGradient) {
    to_filter(call, pool);
  } else {
    by_filter(call, pool);
  }
}

}  // namespace reflow
