#include "matrix_product.h"

#include <stdexcept>

#include "cache.h"
#include "engine.h"
#include "scratch.h"
#include "threads.h"

namespace reflow {
namespace {

using dnnl::memory;

constexpr std::size_t kMostProducts = 256;

memory::desc matrices(int64_t batch, int64_t rows, int64_t columns, bool flip, int64_t step,
                      int64_t batch_step) {
  const memory::dims strides = {batch_step, flip ? 1 : step, flip ? step : 1};
  return memory::desc({batch, rows, columns}, memory::data_type::f32, strides);
}

}  // namespace

MatrixProduct::MatrixProduct(const ProductShape& s) {
  SingleThreaded single;
  a_ = matrices(s.batch, s.rows, s.inner, s.flip_a, s.a_step, s.a_batch);
  b_ = matrices(s.batch, s.inner, s.columns, s.flip_b, s.b_step, s.b_batch);
  c_ = matrices(s.batch, s.rows, s.columns, false, s.c_step, s.c_batch);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (s.adds) {
    dnnl::post_ops operations;
    operations.append_sum(1.0f);
    attr.set_post_ops(operations);
  }
  const dnnl::matmul::primitive_desc descriptor(engine(), a_, b_, c_, attr);
  name_ = descriptor.impl_info_str();
  if (name_.find("ref") != std::string::npos) {
    throw std::runtime_error("oneDNN has only its reference implementation");
  }
  scratchpad_ = descriptor.scratchpad_desc();
  room_ = aligned(scratchpad_.get_size());
  primitive_ = dnnl::matmul(descriptor);
}

std::shared_ptr<const MatrixProduct> MatrixProduct::of(const ProductShape& s) {
  static Cache<MatrixProduct>& products = *new Cache<MatrixProduct>(kMostProducts);
  return products.get({s.batch, s.rows, s.inner, s.columns, s.flip_a, s.flip_b, s.a_step, s.b_step, s.c_step,
                       s.a_batch, s.b_batch, s.c_batch, s.adds},
                      [&] { return std::make_shared<MatrixProduct>(s); });
}

void MatrixProduct::run(dnnl::stream& stream, const float* a, const float* b, float* c, char* room) const {
  const auto at = [](const memory::desc& desc, const void* data) {
    return memory(desc, engine(), const_cast<void*>(data));
  };
  primitive_.execute(stream, {{DNNL_ARG_SRC, at(a_, a)},
                              {DNNL_ARG_WEIGHTS, at(b_, b)},
                              {DNNL_ARG_DST, at(c_, c)},
                              {DNNL_ARG_SCRATCHPAD, at(scratchpad_, room)}});
  stream.wait();
}

}  // namespace reflow
