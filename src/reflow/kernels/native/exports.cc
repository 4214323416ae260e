// What Python sees: handlers that XLA calls, and plain functions for calls from the interpreted tier.

#include <cstdio>
#include <exception>
#include <string>

#include "convolution.h"
#include "spec.h"
#include "threads.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace reflow {
namespace {

// How many elements the operands and the result of a convolution have.
struct Sizes {
  int64_t a, b, result;
};

Sizes sizes_of(const Spec& spec) {
  const int64_t input = spec.input_elements(), output = spec.output_elements();
  const int64_t filter = spec.filter_elements();
  switch (spec.kind) {
    case Kind::kForward:
      return {input, filter, output};
    case Kind::kInputGradient:
      return {filter, output, input};
    default:
      return {input, output, filter};
  }
}

ffi::Error convolve_for_xla(ffi::ThreadPool threads, ffi::AnyBuffer a, ffi::AnyBuffer b,
                            ffi::Result<ffi::AnyBuffer> result, ffi::Span<const int64_t> numbers) {
  try {
    const Spec spec(numbers.begin(), numbers.size());
    const Sizes sizes = sizes_of(spec);
    const auto type = spec.type == Type::kFloat32 ? ffi::F32 : ffi::BF16;
    if (static_cast<int64_t>(a.element_count()) != sizes.a ||
        static_cast<int64_t>(b.element_count()) != sizes.b ||
        static_cast<int64_t>(result->element_count()) != sizes.result || a.element_type() != type ||
        b.element_type() != type || result->element_type() != type) {
      return ffi::Error::InvalidArgument("reflow_convolve: buffers that do not fit the call");
    }
    Pool pool;
    pool.threads = static_cast<int>(std::max<int64_t>(threads.num_threads(), 1));
    pool.schedule = [&threads](std::function<void()> work) { threads.Schedule(std::move(work)); };
    convolve(spec, pool, a.untyped_data(), b.untyped_data(), result->untyped_data());
    return ffi::Error::Success();
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("reflow_convolve: ") + error.what());
  }
}

}  // namespace
}  // namespace reflow

#define REFLOW_EXPORT extern "C" __attribute__((visibility("default")))

REFLOW_EXPORT XLA_FFI_Error* reflow_convolve_for_xla(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(reflow_convolve_for_xla, reflow::convolve_for_xla,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<ffi::Span<const int64_t>>("spec"));

// Whether there is a good implementation; its name, or else the reason, goes to `text`.
REFLOW_EXPORT int reflow_convolution_implementation(const int64_t* numbers, std::size_t count,
                                                    int threads, char* text, std::size_t size) {
  try {
    const reflow::Spec spec(numbers, count);
    std::snprintf(text, size, "%s", reflow::convolution_implementation(spec, threads).c_str());
    return 1;
  } catch (const std::exception& error) {
    std::snprintf(text, size, "%s", error.what());
    return 0;
  }
}

// Computes a convolution on the process's own threads. Returns 0, with the reason, when it failed.
REFLOW_EXPORT int reflow_convolve(const int64_t* numbers, std::size_t count, int threads, const void* a,
                                  const void* b, void* result, char* text, std::size_t size) {
  try {
    const reflow::Spec spec(numbers, count);
    reflow::convolve(spec, reflow::own_pool(threads), a, b, result);
    return 1;
  } catch (const std::exception& error) {
    std::snprintf(text, size, "%s", error.what());
    return 0;
  }
}
