// oneDNN's engine for the CPU, of which a process needs one.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace reflow {

dnnl::engine& engine();

}  // namespace reflow
