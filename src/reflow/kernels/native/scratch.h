// Memory that a call needs for a moment, kept for the next call up to a bound.
#pragma once

#include <cstddef>

namespace reflow {

// Bytes that are kept for later calls, all blocks together; what is beyond goes back at once.
constexpr std::size_t kKept = std::size_t{128} << 20;

// A block of at least `size` bytes, aligned to a cache line; it is given back when this goes.
class Scratch {
 public:
  explicit Scratch(std::size_t size);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  char* data() const { return data_; }

 private:
  char* data_;
  std::size_t size_;
};

// Asks for large pages where `size` bytes at `data` will be written for the first time: XLA gets the memory of
// large arrays anew for each run, and a fault for every 4096 bytes can cost a quarter of a convolution.
void expect_writes(void* data, std::size_t size);

// `size` rounded up so that what follows is aligned.
constexpr std::size_t aligned(std::size_t size) { return (size + 63) / 64 * 64; }

}  // namespace reflow
