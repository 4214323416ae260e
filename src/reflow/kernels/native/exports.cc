// What Python sees: handlers that XLA calls, and plain functions for calls from the interpreted tier.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "convolution.h"
#include "elementwise.h"
#include "matrices.h"
#include "normalization.h"
#include "panels.h"
#include "pooling.h"
#include "processor.h"
#include "random_values.h"
#include "rows.h"
#include "sampling.h"
#include "scratch.h"
#include "spec.h"
#include "threads.h"
#include "winograd.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace reflow {
namespace {

// An operand or a result.
struct Buffer {
  int64_t elements;
  Type type;
};

// The operands of a call, and at the end its result.
std::vector<Buffer> buffers_of(const Spec& spec) {
  const Buffer input{spec.input_elements(), spec.type}, output{spec.output_elements(), spec.type};
  const Buffer filter{spec.filter_elements(), spec.type};
  const Buffer means{spec.channels, Type::kFloat32}, sums{2 * spec.channels, Type::kFloat32};
  switch (spec.kind) {
    case Kind::kForward:
      if (spec.after != After::kNothing) {
        const Buffer bias{spec.filters * (spec.scaled ? 2 : 1), Type::kFloat32};
        if (spec.adds) return {input, filter, bias, output, output};
        return {input, filter, bias, output};
      }
      return {input, filter, output};
    case Kind::kInputGradient:
      return {filter, output, input};
    case Kind::kFilterGradient:
      return {input, output, filter};
    case Kind::kMaximumGradient:
      return {input, output, output, input};
    case Kind::kAverageGradient:
      return {output, input};
    case Kind::kMoments:
      return {input, sums};
    case Kind::kGradientSums:
      return {input, input, means, sums};
    default:
      return {input, output};
  }
}

// What the operands of a convolution say beside images and filter.
Following following_of(const Spec& spec, const void* const* given) {
  Following following;
  if (spec.after != After::kNothing) following.bias = static_cast<const float*>(given[2]);
  if (spec.adds) following.added = static_cast<const float*>(given[3]);
  return following;
}

// A call of any kind.
struct Call {
  std::vector<Buffer> operands, results;
  std::function<std::string(int threads)> implementation;
  std::function<void(const Pool&, const void* const* given, void* const* results)> compute;
};

// A call of one result that has its buffers, and nothing else yet.
Call call_of_buffers(const Spec& spec) {
  Call call{buffers_of(spec)};
  call.results = {call.operands.back()};
  call.operands.pop_back();
  return call;
}

Call call_of_windows(const int64_t* numbers, std::size_t count) {
  const Spec spec(numbers, count);
  Call call = call_of_buffers(spec);
  call.implementation = [spec](int threads) {
    return spec.is_pooling() || spec.is_normalization() ? "loops" : convolution_implementation(spec, threads);
  };
  call.compute = [spec](const Pool& pool, const void* const* given, void* const* results) {
    void* result = results[0];
    if (spec.is_pooling()) {
      pool_windows(spec, pool, given, result);
    } else if (spec.is_normalization()) {
      sum_channels(spec, pool, given, static_cast<float*>(result));
    } else {
      convolve(spec, pool, given[0], given[1], following_of(spec, given), result);
    }
  };
  return call;
}

Call call_of_winograd(const int64_t* numbers, std::size_t count) {
  const Spec spec(numbers, count);
  Call call = call_of_buffers(spec);
  call.implementation = [spec](int) { return winograd_implementation(spec); };
  call.compute = [spec](const Pool& pool, const void* const* given, void* const* results) {
    winograd_convolve(spec, pool, given[0], given[1], following_of(spec, given), results[0]);
  };
  return call;
}

template <typename Work>
Call call_of_matrices(const Work& work) {
  Call call;
  for (const int64_t elements : work.operands()) call.operands.push_back({elements, Type::kFloat32});
  for (const int64_t elements : work.results()) call.results.push_back({elements, Type::kFloat32});
  call.implementation = [work](int threads) { return work.implementation(threads); };
  call.compute = [work](const Pool& pool, const void* const* given, void* const* results) {
    work.compute(pool, given, results);
  };
  return call;
}

// The call that Python describes by numbers, of which the first is its kind.
//
// Throws std::invalid_argument when they describe none.
Call call_of(const int64_t* numbers, std::size_t count) {
  switch (count > 0 ? numbers[0] : -1) {
    case kProduct:
      return call_of_matrices(Product(numbers + 1, count - 1));
    case kAttention:
      return call_of_matrices(Attention(false, numbers + 1, count - 1));
    case kAttentionGradient:
      return call_of_matrices(Attention(true, numbers + 1, count - 1));
    case kPanelProduct:
      return call_of_matrices(PanelProduct(numbers + 1, count - 1));
    case kPanels:
      return call_of_matrices(Panels(numbers + 1, count - 1));
    case kTransposedProduct:
      return call_of_matrices(TransposedProduct(numbers + 1, count - 1));
    case kWinograd:
      return call_of_winograd(numbers + 1, count - 1);
    case kTransposition:
      return call_of_matrices(Transposition(numbers + 1, count - 1));
    default:
      return call_of_windows(numbers, count);
  }
}

bool fits(const ffi::AnyBuffer& given, const Buffer& wanted) {
  return static_cast<int64_t>(given.element_count()) == wanted.elements &&
         given.element_type() == (wanted.type == Type::kFloat32 ? ffi::F32 : ffi::BF16);
}

// XLA's threads. They outlive the call that brings them.
Pool pool_of(ffi::ThreadPool& threads) {
  Pool pool;
  pool.threads = static_cast<int>(std::max<int64_t>(threads.num_threads(), 1));
  pool.schedule = [&threads](std::function<void()> work) { threads.Schedule(std::move(work)); };
  return pool;
}

ffi::Error random_values_for_xla(ffi::ThreadPool threads, ffi::BufferR1<ffi::U64> key,
                                 ffi::BufferR1<ffi::U64> counter, ffi::Result<ffi::AnyBuffer> result,
                                 int64_t kind) {
  if (key.element_count() != 1 || counter.element_count() != 2) {
    return ffi::Error::InvalidArgument("reflow_random_values: a key has one number, a counter two");
  }
  const bool words = static_cast<Draw>(kind) == Draw::kWords;
  if (result->element_type() != (words ? ffi::U32 : ffi::F32)) {
    return ffi::Error::InvalidArgument("reflow_random_values: words are uint32, other values float32");
  }
  try {
    const uint64_t* numbers = counter.typed_data();
    random_values(pool_of(threads), static_cast<Draw>(kind), *key.typed_data(), numbers[0], numbers[1],
                  result->untyped_data(), static_cast<int64_t>(result->element_count()));
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("reflow_random_values: ") + error.what());
  }
}

// The operands are the program's arrays and then its indices.
ffi::Error elements_for_xla(ffi::ThreadPool threads, ffi::RemainingArgs operands, ffi::RemainingRets results,
                            ffi::Span<const int64_t> numbers) {
  try {
    const ElementProgram program(numbers.begin(), numbers.size());
    const std::size_t arrays = program.arrays;
    bool ok = operands.size() == arrays + program.indices && static_cast<int64_t>(results.size()) == program.results;
    std::vector<ElementArray> given, made;
    std::vector<int64_t> places;
    const auto array_of = [&ok](const ffi::AnyBuffer& buffer) {
      const bool is_mask = buffer.element_type() == ffi::PRED;
      ok = is_mask || buffer.element_type() == ffi::F32;
      return ElementArray{buffer.untyped_data(), static_cast<int64_t>(buffer.element_count()), is_mask};
    };
    for (std::size_t i = 0; ok && i < results.size(); ++i) {
      auto result = results.get<ffi::AnyBuffer>(i);
      ok = result.has_value();
      if (ok) made.push_back(array_of(**result));
    }
    for (std::size_t i = 0; ok && i < operands.size(); ++i) {
      const auto operand = operands.get<ffi::AnyBuffer>(i);
      ok = operand.has_value();
      if (ok && i < arrays) {
        given.push_back(array_of(*operand));
      } else if (ok) {
        ok = operand->element_count() == 1 &&
             (operand->element_type() == ffi::S32 || operand->element_type() == ffi::S64);
        if (!ok) break;
        const void* place = operand->untyped_data();
        places.push_back(operand->element_type() == ffi::S32 ? *static_cast<const int32_t*>(place)
                                                              : *static_cast<const int64_t*>(place));
      }
    }
    if (!ok) return ffi::Error::InvalidArgument("reflow_elements: buffers that do not fit the program");
    program.run(pool_of(threads), given.data(), places.data(), made.data());
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("reflow_elements: ") + error.what());
  }
}

// Gives memory as it is: what it holds does not matter, since all of it will be overwritten.
ffi::Error room_for_xla(ffi::RemainingRets, int64_t) { return ffi::Error::Success(); }

ffi::Error compute_for_xla(ffi::ThreadPool threads, ffi::RemainingArgs operands, ffi::RemainingRets results,
                           ffi::Span<const int64_t> numbers) {
  try {
    const Call call = call_of(numbers.begin(), numbers.size());
    bool ok = operands.size() == call.operands.size() && results.size() == call.results.size();
    std::vector<const void*> given;
    for (std::size_t i = 0; ok && i < operands.size(); ++i) {
      const auto operand = operands.get<ffi::AnyBuffer>(i);
      ok = operand.has_value() && fits(*operand, call.operands[i]);
      if (ok) given.push_back(operand->untyped_data());
    }
    std::vector<void*> made;
    for (std::size_t i = 0; ok && i < results.size(); ++i) {
      auto result = results.get<ffi::AnyBuffer>(i);
      ok = result.has_value() && fits(**result, call.results[i]);
      if (!ok) break;
      made.push_back((*result)->untyped_data());
      expect_writes(made.back(), (*result)->size_bytes());
    }
    if (!ok) return ffi::Error::InvalidArgument("reflow_compute: buffers that do not fit the call");
    call.compute(pool_of(threads), given.data(), made.data());
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("reflow_compute: ") + error.what());
  }
}

// A table [rows, ...], the numbers of rows [count], int32 or int64, and those rows.
ffi::Error look_up_rows_for_xla(ffi::ThreadPool threads, ffi::AnyBuffer table, ffi::AnyBuffer at,
                                ffi::Result<ffi::AnyBuffer> result) {
  const bool vector = table.dimensions().size() > 0 && at.dimensions().size() == 1;
  const int64_t rows = vector ? table.dimensions()[0] : 0, count = vector ? at.dimensions()[0] : 0;
  const int64_t bytes = count > 0 ? static_cast<int64_t>(result->size_bytes()) / count : 0;
  if (count == 0 || result->element_type() != table.element_type() ||
      static_cast<int64_t>(table.size_bytes()) != bytes * rows) {
    return ffi::Error::InvalidArgument("reflow_look_up_rows: rows of another kind");
  }
  try {
    const char* from = static_cast<const char*>(table.untyped_data());
    char* to = static_cast<char*>(result->untyped_data());
    if (at.element_type() == ffi::S32) {
      look_up_rows(pool_of(threads), from, rows, bytes, static_cast<const int32_t*>(at.untyped_data()), count, to);
    } else if (at.element_type() == ffi::S64) {
      look_up_rows(pool_of(threads), from, rows, bytes, static_cast<const int64_t*>(at.untyped_data()), count, to);
    } else {
      return ffi::Error::InvalidArgument("reflow_look_up_rows: numbers are int32 or int64");
    }
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("reflow_look_up_rows: ") + error.what());
  }
}

// `state` is that of a generator, the number of a block in two halves and the key: then `blocks` further on.
ffi::Error sample_for_xla(ffi::BufferR1<ffi::U64> state, ffi::BufferR1<ffi::S64> true_classes,
                          ffi::Result<ffi::BufferR1<ffi::S64>> classes,
                          ffi::Result<ffi::BufferR1<ffi::F32>> true_expected,
                          ffi::Result<ffi::BufferR1<ffi::F32>> expected,
                          ffi::Result<ffi::BufferR0<ffi::PRED>> in_range,
                          ffi::Result<ffi::BufferR1<ffi::U64>> moved, int64_t distribution, int64_t range,
                          bool unique, int64_t blocks) {
  const int64_t count = static_cast<int64_t>(classes->element_count());
  const int64_t true_count = static_cast<int64_t>(true_classes.element_count());
  if (state.element_count() != 3 || moved->element_count() != 3 || blocks < 0 ||
      static_cast<int64_t>(expected->element_count()) != count ||
      static_cast<int64_t>(true_expected->element_count()) != true_count || distribution < 0 ||
      distribution > 1) {
    return ffi::Error::InvalidArgument("reflow_sample: buffers that do not fit");
  }
  try {
    const uint64_t low = state.typed_data()[0], high = state.typed_data()[1], key = state.typed_data()[2];
    const Sampler sampler{static_cast<Distribution>(distribution), range, unique};
    *in_range->typed_data() =
        sampler.sample(key, low, high, true_classes.typed_data(), true_count, count, classes->typed_data(),
                       true_expected->typed_data(), expected->typed_data());
    uint64_t* next = moved->typed_data();  // perhaps the memory of `state`
    next[0] = low + static_cast<uint64_t>(blocks);
    next[1] = high + (next[0] < low);
    next[2] = key;
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("reflow_sample: ") + error.what());
  }
}

}  // namespace
}  // namespace reflow

#define REFLOW_EXPORT extern "C" __attribute__((visibility("default")))

REFLOW_EXPORT XLA_FFI_Error* reflow_compute_for_xla(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(reflow_compute_for_xla, reflow::compute_for_xla,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Attr<ffi::Span<const int64_t>>("spec"));

// The number tells rooms of the same shape apart: XLA would make one array of calls that are alike.
REFLOW_EXPORT XLA_FFI_Error* reflow_room_for_xla(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(reflow_room_for_xla, reflow::room_for_xla,
                              ffi::Ffi::Bind().RemainingRets().Attr<int64_t>("number"));

REFLOW_EXPORT XLA_FFI_Error* reflow_random_values_for_xla(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(reflow_random_values_for_xla, reflow::random_values_for_xla,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::BufferR1<ffi::U64>>()
                                  .Arg<ffi::BufferR1<ffi::U64>>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<int64_t>("kind"));

REFLOW_EXPORT XLA_FFI_Error* reflow_elements_for_xla(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(reflow_elements_for_xla, reflow::elements_for_xla,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Attr<ffi::Span<const int64_t>>("program"));

REFLOW_EXPORT XLA_FFI_Error* reflow_look_up_rows_for_xla(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(reflow_look_up_rows_for_xla, reflow::look_up_rows_for_xla,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>());

REFLOW_EXPORT XLA_FFI_Error* reflow_sample_for_xla(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(reflow_sample_for_xla, reflow::sample_for_xla,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::BufferR1<ffi::U64>>()
                                  .Arg<ffi::BufferR1<ffi::S64>>()
                                  .Ret<ffi::BufferR1<ffi::S64>>()
                                  .Ret<ffi::BufferR1<ffi::F32>>()
                                  .Ret<ffi::BufferR1<ffi::F32>>()
                                  .Ret<ffi::BufferR0<ffi::PRED>>()
                                  .Ret<ffi::BufferR1<ffi::U64>>()
                                  .Attr<int64_t>("distribution")
                                  .Attr<int64_t>("range")
                                  .Attr<bool>("unique")
                                  .Attr<int64_t>("blocks"));

REFLOW_EXPORT int reflow_vector_bytes() { return reflow::vector_bytes(); }
REFLOW_EXPORT void reflow_limit_vector_bytes(int most) { reflow::limit_vector_bytes(most); }

// Whether there is a good implementation; its name, or else the reason, goes to `text`.
REFLOW_EXPORT int reflow_implementation(const int64_t* numbers, std::size_t count, int threads, char* text,
                                        std::size_t size) {
  try {
    const std::string name = reflow::call_of(numbers, count).implementation(threads);
    std::snprintf(text, size, "%s", name.c_str());
    return 1;
  } catch (const std::exception& error) {
    std::snprintf(text, size, "%s", error.what());
    return 0;
  }
}

// Computes on the process's own threads. Returns 0, with the reason, when it failed.
REFLOW_EXPORT int reflow_run(const int64_t* numbers, std::size_t count, int threads,
                                 const void* const* given, void* const* results, char* text,
                                 std::size_t size) {
  try {
    reflow::call_of(numbers, count).compute(reflow::own_pool(threads), given, results);
    return 1;
  } catch (const std::exception& error) {
    std::snprintf(text, size, "%s", error.what());
    return 0;
  }
}

// Draws on the process's own threads. Returns 0, with the reason, when it failed.
REFLOW_EXPORT int reflow_random_values(int64_t kind, int threads, uint64_t key, uint64_t low, uint64_t high,
                                       void* result, int64_t count, char* text, std::size_t size) {
  try {
    reflow::random_values(reflow::own_pool(threads), static_cast<reflow::Draw>(kind), key, low, high, result,
                          count);
    return 1;
  } catch (const std::exception& error) {
    std::snprintf(text, size, "%s", error.what());
    return 0;
  }
}
