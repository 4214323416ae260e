#include "scratch.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

namespace reflow {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;  // a large page

struct Shelf {
  std::mutex mutex;
  std::multimap<std::size_t, char*> blocks;
  std::size_t kept = 0;
};

Shelf& shelf() {
  static Shelf& all = *new Shelf;
  return all;
}

}  // namespace

void expect_writes(void* data, std::size_t size) {
  const std::uintptr_t start = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t begin = (start + kPage - 1) / kPage * kPage, end = (start + size) / kPage * kPage;
  // It is advice: where it cannot be taken, everything works all the same.
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

Scratch::Scratch(std::size_t size) : data_(nullptr), size_(aligned(size)) {
  if (size == 0) return;
  // What fills most of a large page gets whole ones: arrays that are read and written in many places at a
  // time would spend a tenth of their time on looking up small ones.
  const bool large = size_ > kPage / 2;
  if (large) size_ = (size_ + kPage - 1) / kPage * kPage;
  {
    std::lock_guard<std::mutex> lock(shelf().mutex);
    auto found = shelf().blocks.lower_bound(size_);
    // A block that is far too large would be missing where it is needed.
    if (found != shelf().blocks.end() && found->first <= 2 * size_ + 4096) {
      size_ = found->first;
      data_ = found->second;
      shelf().kept -= size_;
      shelf().blocks.erase(found);
      return;
    }
  }
  data_ = static_cast<char*>(std::aligned_alloc(large ? kPage : 64, size_));
  if (data_ == nullptr) throw std::bad_alloc();
  expect_writes(data_, size_);
}

Scratch::~Scratch() {
  if (data_ == nullptr) return;
  if (size_ <= kKept / 2) {
    std::lock_guard<std::mutex> lock(shelf().mutex);
    // The largest go first: they are the ones that crowd out the others.
    while (shelf().kept + size_ > kKept && !shelf().blocks.empty()) {
      auto largest = std::prev(shelf().blocks.end());
      shelf().kept -= largest->first;
      std::free(largest->second);
      shelf().blocks.erase(largest);
    }
    shelf().blocks.emplace(size_, data_);
    shelf().kept += size_;
    return;
  }
  std::free(data_);
}

}  // namespace reflow
