// The C function of kernels whose nets tell how large the numbers are that activations take.
#pragma once

#include "objective_exports.hpp"

// Sums of |numbers| per activation, means over the samples at a point, into `sizes` [count].
extern "C" int emc_objective_sizes(void* objective, const double* parameters, int64_t count,
                                   double* sizes) try {
  static_cast<emc::Kernel*>(objective)->sizes(parameters, count, sizes);
  return 1;
} catch (...) {
  return 0;
}
