// Candidate samplers: classes drawn from a stream of Philox, as ops/nn/sampling.py draws them.
#pragma once

#include <cstdint>

namespace reflow {

// What is drawn. The numbers are known to kernels/sampling.py.
enum class Distribution : int64_t { kUniform = 0, kLogUniform = 1 };

struct Sampler {
  Distribution distribution;
  int64_t range;  // classes
  bool unique;    // whether a class that was drawn before is drawn again

  // Draws `count` classes from the stream of a key that begins at the block `low`, `high`, and says how often
  // the true classes and the drawn ones are expected among so many.
  //
  // Returns whether all true classes are in the range. Throws std::invalid_argument where there are not
  // enough classes.
  bool sample(uint64_t key, uint64_t low, uint64_t high, const int64_t* true_classes, int64_t true_count,
              int64_t count, int64_t* classes, float* true_expected, float* expected) const;
};

}  // namespace reflow
