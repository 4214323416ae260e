#include "matrices.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <stdexcept>

#include "engine.h"
#include "matrix_product.h"
#include "scratch.h"

namespace reflow {
namespace {

// Multiplications that are worth a part of their own: some tens of microseconds.
constexpr double kPart = 2e6;
// Parts per thread: more than one, so that a thread that is held up leaves work to the others.
constexpr int kPartsPerThread = 4;
// Rows, or columns, that a part has at least if it is not a whole matrix.
constexpr int64_t kRows = 32;
constexpr int64_t kColumns = 256;
constexpr int64_t kMost = int64_t{1} << 31;

void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(std::string("products with ") + what);
}

int64_t per(int64_t n, int64_t each) { return (n + each - 1) / each; }

// Some whole matrices, or some rows or columns of one.
struct Part {
  int64_t first, count, row, rows, column, columns;
};

// A matrix in parts of about `n / pieces`, which are multiples of `least`.
int64_t band(int64_t n, int64_t pieces, int64_t least) { return per(per(n, pieces), least) * least; }

std::vector<Part> parts_of(const Product& p, int threads) {
  const double work = static_cast<double>(p.batch) * p.rows * p.inner * p.columns;
  const int64_t most = int64_t{kPartsPerThread} * threads;
  const int64_t wanted = threads == 1 ? 1 : std::clamp<int64_t>(static_cast<int64_t>(work / kPart), 1, most);
  std::vector<Part> parts;
  if (wanted <= p.batch) {
    const int64_t each = per(p.batch, wanted);
    for (int64_t i = 0; i < p.batch; i += each) {
      parts.push_back({i, std::min(each, p.batch - i), 0, p.rows, 0, p.columns});
    }
    return parts;
  }
  // oneDNN copies a transposed right side into order: each part its own columns, not each part all of it.
  // It is better at many columns.
  const int64_t pieces = per(wanted, p.batch);
  const int64_t rows = p.flip_b ? p.rows : band(p.rows, pieces, kRows);
  const int64_t columns =
      p.flip_b ? band(p.columns, std::min<int64_t>(pieces, threads), kColumns) : p.columns;
  for (int64_t i = 0; i < p.batch; ++i) {
    for (int64_t row = 0; row < p.rows; row += rows) {
      for (int64_t column = 0; column < p.columns; column += columns) {
        parts.push_back({i, 1, row, std::min(rows, p.rows - row), column,
                         std::min(columns, p.columns - column)});
      }
    }
  }
  return parts;
}

ProductShape shape_of(const Product& p, const Part& part) {
  ProductShape shape{part.count, part.rows, p.inner, part.columns, p.flip_a, p.flip_b};
  shape.a_step = p.flip_a ? p.rows : p.inner;
  shape.b_step = p.flip_b ? p.inner : p.columns;
  shape.c_step = p.columns;
  shape.a_batch = p.rows * p.inner;
  shape.b_batch = p.inner * p.columns;
  shape.c_batch = p.rows * p.columns;
  return shape;
}

}  // namespace

Product::Product(const int64_t* n, std::size_t count) {
  require(count == 6, "a wrong number of numbers");
  double most = 4.0;
  for (int i = 0; i < 4; ++i) {
    require(n[i] > 0 && n[i] < kMost, "sizes not above 0");
    most *= static_cast<double>(n[i]);
  }
  require(most < static_cast<double>(std::numeric_limits<int64_t>::max()), "sizes beyond memory");
  batch = n[0], rows = n[1], inner = n[2], columns = n[3];
  flip_a = n[4] != 0, flip_b = n[5] != 0;
}

std::vector<int64_t> Product::operands() const { return {batch * rows * inner, batch * inner * columns}; }
std::vector<int64_t> Product::results() const { return {batch * rows * columns}; }

std::string Product::implementation(int threads) const {
  return MatrixProduct::of(shape_of(*this, parts_of(*this, threads)[0]))->name();
}

void Product::compute(const Pool& pool, const void* const* given, void* const* results) const {
  const std::vector<Part> parts = parts_of(*this, pool.threads);
  const int count = static_cast<int>(parts.size());
  // Parts have at most two sizes: those of the last ones may be smaller.
  std::map<std::array<int64_t, 3>, std::shared_ptr<const MatrixProduct>> recipes;
  std::size_t room = 0;
  for (const Part& part : parts) {
    auto& recipe = recipes[{part.count, part.rows, part.columns}];
    if (recipe != nullptr) continue;
    recipe = MatrixProduct::of(shape_of(*this, part));
    room = std::max(room, recipe->room());
  }
  Scratch scratch(room * std::min(count, pool.threads));
  const auto* a = static_cast<const float*>(given[0]);
  const auto* b = static_cast<const float*>(given[1]);
  auto* c = static_cast<float*>(results[0]);
  in_parts(pool, count, [&](int index, int slot) {
    const Part& part = parts[index];
    dnnl::stream stream(engine());
    recipes.at({part.count, part.rows, part.columns})
        ->run(stream, a + part.first * rows * inner + part.row * (flip_a ? 1 : inner),
              b + part.first * inner * columns + part.column * (flip_b ? inner : 1),
              c + part.first * rows * columns + part.row * columns + part.column,
              scratch.data() + slot * room);
  });
}

}  // namespace reflow
