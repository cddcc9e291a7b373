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

// x = exponent * ln 2 + rest with |rest| <= ln 2 / 2, and 2^exponent, in the range of exp.
struct PowerOfTwo {
  Floats power, rest;

  EMC_INLINE explicit PowerOfTwo(Floats x) {
    const Floats shifted = x * Real(1.4426950408889634) + rounding_shift;
    const Floats exponent = shifted - rounding_shift;
    rest = (x - exponent * ln2_high) - exponent * ln2_low;
    const Ints integer = floats_to_bits(shifted) - floats_to_bits(broadcast(rounding_shift));
    power = bits_to_floats((integer + exponent_bias) << fraction_bits);
  }
};

// exp(r) - 1 for |r| <= ln 2 / 2.
EMC_INLINE Floats exp_minus_one_near_zero(Floats r) {
  return polynomial(exp_series, r) * (r * r) + r;
}

// ln x for positive normal x: that of the exponent, and 2 atanh((m - 1) / (m + 1)) of the mantissa.
EMC_INLINE Floats logarithm(Floats x) {
  const Ints sqrt_half = floats_to_bits(broadcast(Real(0.70710678118654752)));
  const Ints exponent = (floats_to_bits(x) - sqrt_half) >> fraction_bits;
  const Floats mantissa = bits_to_floats(floats_to_bits(x) - (exponent << fraction_bits));
  const Floats s = (mantissa - Real(1)) / (mantissa + Real(1)), s2 = s * s;
  return to_floats(exponent) * Real(0.69314718055994531) +
         (polynomial(logarithm_series, s2) * (s2 * s) + Real(2) * s);
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
