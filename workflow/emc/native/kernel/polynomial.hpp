// A polynomial in a vector, by Horner's rule.
#pragma once

#include "vector.hpp"

namespace emc {

// Coefficients from that of the highest power to the constant one.
template <int Count>
EMC_INLINE Floats polynomial(const Real (&coefficients)[Count], Floats x) {
  Floats sum = broadcast(coefficients[0]);
  EMC_UNROLL for (int i = 1; i < Count; ++i) sum = sum * x + coefficients[i];
  return sum;
}

}  // namespace emc
