// What a net is evaluated on, and what is summed over it.
#pragma once

#include "numbers.hpp"

namespace emc {

// What is summed over the samples.
struct Totals {
  double loss = 0;
  int64_t correct = 0;
};

// The samples of a chunk as the first layer takes them, in whole panels of groups; where a lane is
// empty, its inputs are zero and its label -1.
struct Samples {
  const Floats* inputs;
  const Ints* labels;
  int groups;
};

}  // namespace emc
