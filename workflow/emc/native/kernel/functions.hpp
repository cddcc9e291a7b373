// exp, tanh, the logistic function and the normal distribution, a vector at a time, to a few units
// in the last place. Not-a-number stays not-a-number.
#pragma once

#if defined(EMC_DOUBLE)
#include "double.hpp"
#else
#include "single.hpp"
#endif

namespace emc {

EMC_INLINE Floats clamp(Floats x, Real low, Real high) {
  x = x < low ? broadcast(low) : x;
  return x > high ? broadcast(high) : x;
}

EMC_INLINE Floats square_root(Floats x) {
  EMC_UNROLL for (int i = 0; i < lanes; ++i)
    x[i] = sizeof(Real) == 4 ? __builtin_sqrtf(x[i]) : __builtin_sqrt(x[i]);
  return x;
}

EMC_INLINE Floats exponential(Floats x) {
  const PowerOfTwo split(clamp(x, lowest_exponent, highest_exponent));
  return exp_minus_one_near_zero(split.rest) * split.power + split.power;
}

EMC_INLINE Floats logistic(Floats x) { return Real(1) / (Real(1) + exponential(-x)); }

// (e^2x - 1) / (e^2x + 1), with e^2x - 1 computed without cancellation.
EMC_INLINE Floats hyperbolic_tangent(Floats x) {
  const PowerOfTwo split(clamp(Real(2) * x, lowest_exponent, highest_exponent));
  const Floats excess =
      exp_minus_one_near_zero(split.rest) * split.power + (split.power - Real(1));
  return excess / (excess + Real(2));
}

// The standard normal distribution: its density and the probability below x.
struct Normal {
  Floats density, below;

  EMC_INLINE explicit Normal(Floats x) {
    const Floats bell = exponential(Real(-0.5) * (x * x));
    const Floats tail = bell * scaled_normal_tail(x < Real(0) ? -x : x);
    below = x < Real(0) ? tail : Real(1) - tail;
    density = Real(0.39894228040143268) * bell;
  }
};

}  // namespace emc
