// One oneDNN primitive for some products of matrices, made ready to run on one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

namespace reflow {

// `batch` products [rows, inner] by [inner, columns]; steps are from one row to the next as the matrix lies.
struct ProductShape {
  int64_t batch, rows, inner, columns;
  bool flip_a = false, flip_b = false;
  int64_t a_step, b_step, c_step;              // from row to row
  int64_t a_batch = 0, b_batch = 0, c_batch = 0;  // from matrix to matrix
  bool adds = false;                            // to what the result holds
};

class MatrixProduct {
 public:
  // Made once per shape and kept. Throws std::runtime_error when oneDNN has only its reference for it.
  static std::shared_ptr<const MatrixProduct> of(const ProductShape& shape);

  explicit MatrixProduct(const ProductShape& shape);

  // Bytes that `run` needs beside, aligned.
  std::size_t room() const { return room_; }
  const std::string& name() const { return name_; }
  void run(dnnl::stream& stream, const float* a, const float* b, float* c, char* room) const;

 private:
  dnnl::matmul primitive_;
  dnnl::memory::desc a_, b_, c_, scratchpad_;
  std::size_t room_;
  std::string name_;
};

}  // namespace reflow
