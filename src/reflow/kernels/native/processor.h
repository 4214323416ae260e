// What the processor can do: the loops that say their vectors themselves are chosen by this.
#pragma once

namespace reflow {

constexpr int kAvx2 = 32, kAvx512 = 64;

// The bytes of the widest vectors of numbers: kAvx512, kAvx2 (with FMA both), or 16 for less.
int vector_bytes();

// From now on vectors are no wider than this, so that tests reach the loops for other processors.
void limit_vector_bytes(int most);

}  // namespace reflow
