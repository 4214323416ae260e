#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "matrices.h"
#include "scratch.h"

namespace reflow {
namespace {

// More than a few, so that a thread that is held up leaves work to the others.
constexpr int64_t kPartsPerThread = 16;
constexpr int64_t kMost = int64_t{1} << 31;

void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(std::string("attention with ") + what);
}

int64_t per(int64_t n, int64_t each) { return (n + each - 1) / each; }

}  // namespace

Attention::Attention(bool gradient, const int64_t* n, std::size_t count) : is_gradient(gradient) {
  constexpr std::size_t kHead = 7;
  require(count >= kHead, "too few numbers");
  const int64_t rank = n[6];
  rows = n[0], keys = n[1], depth = n[2], width = n[3];
  std::memcpy(&scale, &n[4], sizeof scale);
  has_bias = n[5] != 0;
  const int64_t operands = 4 + has_bias;
  require(rank >= 0 && rank < 64, "a wrong rank");
  require(count == kHead + static_cast<std::size_t>(rank + operands * (3 + rank)),
          "a wrong number of numbers");
  batch.assign(n + kHead, n + kHead + rank);
  double most = 4.0;
  const auto measure = [&most](int64_t size) {
    require(size > 0 && size < kMost, "sizes not above 0");
    most *= static_cast<double>(size);
  };
  for (int i = 0; i < 4; ++i) measure(n[i]);
  for (int64_t size : batch) measure(size);
  require(most < static_cast<double>(std::numeric_limits<int64_t>::max()), "sizes beyond memory");
  const int64_t* next = n + kHead + rank;
  q = read(next, rows, depth);
  k = read(next, keys, depth);
  v = read(next, keys, width);
  if (has_bias) bias = read(next, rows, keys);
  o = read(next, rows, width);
}

Attention::Operand Attention::read(const int64_t*& n, int64_t most_rows, int64_t most_columns) const {
  Operand x{n[0], n[1], n[2], {n + 3, n + 3 + batch.size()}};
  n += 3 + batch.size();
  require(x.elements > 0 && x.row >= 0 && x.column >= 0, "a wrong operand");
  // The last element that is looked at must be there.
  double last = static_cast<double>(x.row) * (most_rows - 1);
  last += static_cast<double>(x.column) * (most_columns - 1);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    require(x.batch[i] >= 0, "a wrong operand");
    last += static_cast<double>(x.batch[i]) * (batch[i] - 1);
  }
  require(last < static_cast<double>(x.elements), "an operand that is too small");
  return x;
}

int64_t Attention::heads() const {
  int64_t count = 1;
  for (int64_t n : batch) count *= n;
  return count;
}

std::vector<int64_t> Attention::operands() const {
  std::vector<int64_t> all = {q.elements, k.elements, v.elements};
  if (has_bias) all.push_back(bias.elements);
  if (is_gradient) all.insert(all.end(), {o.elements, 2 * heads() * rows, o.elements});
  return all;
}

std::vector<int64_t> Attention::results() const {
  if (is_gradient) return {q.elements, k.elements, v.elements};
  return {o.elements, 2 * heads() * rows};
}

std::string Attention::implementation(int) const { return attention_instructions(); }

// What is given and what is made for one head.
Head Attention::head(int64_t index, const void* const* given, void* const* results) const {
  const auto at = [&](const Operand& x, const void* data) {
    int64_t place = 0, rest = index;
    for (std::size_t axis = batch.size(); axis-- > 0; rest /= batch[axis]) {
      place += rest % batch[axis] * x.batch[axis];
    }
    return Matrix{static_cast<float*>(const_cast<void*>(data)) + place, x.row, x.column};
  };
  Head h{rows, keys, depth, width, static_cast<float>(scale)};
  h.q = at(q, given[0]), h.k = at(k, given[1]), h.v = at(v, given[2]);
  if (has_bias) h.bias = at(bias, given[3]);
  const void* const* rest = given + 3 + has_bias;
  const void* statistics = is_gradient ? rest[1] : results[1];
  h.o = at(o, is_gradient ? rest[0] : results[0]);
  h.most = static_cast<float*>(const_cast<void*>(statistics)) + index * rows;
  h.sums = h.most + heads() * rows;
  if (is_gradient) {
    h.g = at(o, rest[2]);
    h.to_q = at(q, results[0]), h.to_k = at(k, results[1]), h.to_v = at(v, results[2]);
  }
  return h;
}

void Attention::compute(const Pool& pool, const void* const* given, void* const* results) const {
  // A part has some whole heads or, where there are few, some rows of one; gradients sum over rows.
  const int64_t all = heads(), wanted = kPartsPerThread * pool.threads;
  const int64_t each = per(all, wanted);
  const int64_t pieces = is_gradient || all >= wanted ? 1 : per(wanted, all);
  const int64_t most_rows = per(per(rows, pieces), kAttentionRows) * kAttentionRows;
  const int64_t bands = per(rows, most_rows);
  const int parts = static_cast<int>(per(all, each) * bands);
  const Head first = head(0, given, results);
  const std::size_t size = aligned(is_gradient ? attention_gradient_room(first) : attention_room(first));
  Scratch scratch(size * std::min(parts, pool.threads));
  in_parts(pool, parts, [&](int part, int slot) {
    char* room = scratch.data() + slot * size;
    const int64_t begin = part / bands * each, row = part % bands * most_rows;
    for (int64_t i = begin; i < std::min(begin + each, all); ++i) {
      const Head h = head(i, given, results);
      if (is_gradient) {
        differentiate(h, room);
      } else {
        attend(h, row, std::min(row + most_rows, rows), room);
      }
    }
  });
}

}  // namespace reflow
