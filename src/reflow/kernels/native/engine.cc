#include "engine.h"

namespace reflow {

dnnl::engine& engine() {
  static dnnl::engine& cpu = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return cpu;
}

}  // namespace reflow
