// What Python sees: handlers that XLA calls, and plain functions for calls from the interpreted tier.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "convolution.h"
#include "normalization.h"
#include "pooling.h"
#include "scratch.h"
#include "spec.h"
#include "threads.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace reflow {
namespace {

// How many elements each operand has, and at the end the result.
std::vector<int64_t> sizes_of(const Spec& spec) {
  const int64_t input = spec.input_elements(), output = spec.output_elements();
  const int64_t filter = spec.filter_elements();
  switch (spec.kind) {
    case Kind::kForward:
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
      return {input, 2 * spec.channels};
    case Kind::kGradientSums:
      return {input, input, spec.channels, 2 * spec.channels};
    default:
      return {input, output};
  }
}

void compute(const Spec& spec, const Pool& pool, const void* const* given, void* result) {
  if (spec.is_pooling()) {
    pool_windows(spec, pool, given, result);
  } else if (spec.is_normalization()) {
    sum_channels(spec, pool, given, static_cast<float*>(result));
  } else {
    convolve(spec, pool, given[0], given[1], result);
  }
}

ffi::Error compute_for_xla(ffi::ThreadPool threads, ffi::RemainingArgs operands,
                           ffi::Result<ffi::AnyBuffer> result, ffi::Span<const int64_t> numbers) {
  try {
    const Spec spec(numbers.begin(), numbers.size());
    const std::vector<int64_t> sizes = sizes_of(spec);
    const auto images = spec.type == Type::kFloat32 ? ffi::F32 : ffi::BF16;
    const auto fits = [&](const ffi::AnyBuffer& buffer, std::size_t i) {
      const bool is_vector = spec.is_normalization() && sizes[i] != spec.input_elements();
      const auto type = is_vector ? ffi::F32 : images;
      return static_cast<int64_t>(buffer.element_count()) == sizes[i] && buffer.element_type() == type;
    };
    bool ok = operands.size() + 1 == sizes.size() && fits(*result, sizes.size() - 1);
    std::vector<const void*> given;
    for (std::size_t i = 0; ok && i < operands.size(); ++i) {
      const auto operand = operands.get<ffi::AnyBuffer>(i);
      ok = operand.has_value() && fits(*operand, i);
      if (ok) given.push_back(operand->untyped_data());
    }
    if (!ok) return ffi::Error::InvalidArgument("reflow_compute: buffers that do not fit the call");
    Pool pool;
    pool.threads = static_cast<int>(std::max<int64_t>(threads.num_threads(), 1));
    pool.schedule = [&threads](std::function<void()> work) { threads.Schedule(std::move(work)); };
    expect_writes(result->untyped_data(), result->size_bytes());
    compute(spec, pool, given.data(), result->untyped_data());
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("reflow_compute: ") + error.what());
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
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<ffi::Span<const int64_t>>("spec"));

// Whether there is a good implementation; its name, or else the reason, goes to `text`.
REFLOW_EXPORT int reflow_implementation(const int64_t* numbers, std::size_t count, int threads, char* text,
                                        std::size_t size) {
  try {
    const reflow::Spec spec(numbers, count);
    const std::string name =
        spec.is_pooling() || spec.is_normalization() ? "loops" : reflow::convolution_implementation(spec, threads);
    std::snprintf(text, size, "%s", name.c_str());
    return 1;
  } catch (const std::exception& error) {
    std::snprintf(text, size, "%s", error.what());
    return 0;
  }
}

// Computes on the process's own threads. Returns 0, with the reason, when it failed.
REFLOW_EXPORT int reflow_compute(const int64_t* numbers, std::size_t count, int threads,
                                 const void* const* given, void* result, char* text, std::size_t size) {
  try {
    const reflow::Spec spec(numbers, count);
    reflow::compute(spec, reflow::own_pool(threads), given, result);
    return 1;
  } catch (const std::exception& error) {
    std::snprintf(text, size, "%s", error.what());
    return 0;
  }
}
