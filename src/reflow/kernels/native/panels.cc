#include "panels.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "processor.h"

namespace reflow {
namespace {

// Multiplications that are worth a part of their own: some tens of microseconds.
constexpr double kPart = 5e5;
constexpr int kPartsPerThread = 2;
constexpr int64_t kMost = int64_t{1} << 31;

namespace avx2 {
#define REFLOW_TARGET __attribute__((target("avx2,fma")))
#define REFLOW_LANES 8
#define REFLOW_ROWS 6
#include "panel_loops.inc"
#undef REFLOW_TARGET
#undef REFLOW_LANES
#undef REFLOW_ROWS
}  // namespace avx2

namespace avx512 {
#define REFLOW_TARGET __attribute__((target("avx512f,avx2,fma")))
#define REFLOW_LANES 16
#define REFLOW_ROWS 12
#include "panel_loops.inc"
#undef REFLOW_TARGET
#undef REFLOW_LANES
#undef REFLOW_ROWS
}  // namespace avx512

}  // namespace

PanelProduct::PanelProduct(const int64_t* n, std::size_t count) {
  const auto require = [](bool ok) {
    if (!ok) throw std::invalid_argument("a product with panels of no such sizes");
  };
  require(count == 3);
  double most = 4.0 * kPanel;
  for (int i = 0; i < 3; ++i) {
    require(n[i] > 0 && n[i] < kMost);
    most *= static_cast<double>(n[i]);
  }
  require(most < static_cast<double>(std::numeric_limits<int64_t>::max()));
  rows = n[0], inner = n[1], columns = n[2];
}

std::vector<int64_t> PanelProduct::operands() const { return {rows * inner, panels() * inner * kPanel}; }

std::string PanelProduct::implementation(int) const {
  if (vector_bytes() < kAvx2) throw std::runtime_error("the processor lacks AVX2");
  return vector_bytes() == kAvx512 ? "panels, AVX-512" : "panels, AVX2";
}

void PanelProduct::compute(const Pool& pool, const void* const* given, void* const* results) const {
  const auto* a = static_cast<const float*>(given[0]);
  const auto* b = static_cast<const float*>(given[1]);
  auto* c = static_cast<float*>(results[0]);
  const double work = static_cast<double>(rows) * inner * columns;
  const int64_t most = pool.threads == 1 ? 1 : int64_t{kPartsPerThread} * pool.threads;
  const int64_t parts = std::min(std::clamp<int64_t>(static_cast<int64_t>(work / kPart), 1, most), panels());
  const auto multiply = vector_bytes() == kAvx512 ? avx512::multiply : avx2::multiply;
  in_parts(pool, static_cast<int>(parts), [&](int part, int) {
    multiply(*this, a, b, c, part * panels() / parts, (part + 1) * panels() / parts);
  });
}

}  // namespace reflow
