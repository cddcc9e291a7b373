// exp, log, tanh, the logistic function and the normal distribution, a vector at a time, to a few
// units in the last place of float32. Not-a-number stays not-a-number.
#pragma once

#include "vector.hpp"

namespace emc {

// x = exponent * ln 2 + rest with |rest| <= ln 2 / 2, and 2^exponent, for -87 <= x <= 88.
struct PowerOfTwo {
  Floats power, rest;

  EMC_INLINE explicit PowerOfTwo(Floats x) {
    // Adding 1.5 * 2^23 leaves a float's fraction holding the nearest integer.
    constexpr float shift = 12582912.0f, log2_e = 1.44269504f;
    // ln 2 in two parts, the first with few enough bits that exponent * high is exact.
    constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    const Floats shifted = x * log2_e + shift;
    const Floats exponent = shifted - shift;
    rest = (x - exponent * ln2_high) - exponent * ln2_low;
    const Ints biased = floats_to_bits(shifted) - floats_to_bits(broadcast(shift)) + 127;
    power = bits_to_floats(biased << 23);
  }
};

// exp(r) - 1 for |r| <= ln 2 / 2: the Taylor series.
EMC_INLINE Floats exp_minus_one_near_zero(Floats r) {
  Floats series = broadcast(1.0f / 5040);
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  return series * (r * r) + r;
}

EMC_INLINE Floats clamp(Floats x, float low, float high) {
  x = x < low ? broadcast(low) : x;
  return x > high ? broadcast(high) : x;
}

EMC_INLINE Floats square_root(Floats x) {
  EMC_UNROLL for (int i = 0; i < lanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}

EMC_INLINE Floats exponential(Floats x) {
  const PowerOfTwo split(clamp(x, -87.0f, 88.0f));
  return exp_minus_one_near_zero(split.rest) * split.power + split.power;
}

// ln x for positive normal x: 2 atanh((m - 1) / (m + 1)) of the mantissa m, by its series.
EMC_INLINE Floats logarithm(Floats x) {
  const Ints sqrt_half = floats_to_bits(broadcast(0.70710678f));
  const Ints exponent = (floats_to_bits(x) - sqrt_half) >> 23;
  const Floats mantissa = bits_to_floats(floats_to_bits(x) - (exponent << 23));
  const Floats s = (mantissa - 1.0f) / (mantissa + 1.0f), s2 = s * s;
  Floats series = broadcast(2.0f / 9);
  series = series * s2 + 2.0f / 7;
  series = series * s2 + 2.0f / 5;
  series = series * s2 + 2.0f / 3;
  return __builtin_convertvector(exponent, Floats) * 0.693147181f + (series * (s2 * s) + 2.0f * s);
}

EMC_INLINE Floats logistic(Floats x) { return 1.0f / (1.0f + exponential(-x)); }

// (e^2x - 1) / (e^2x + 1), with e^2x - 1 computed without cancellation.
EMC_INLINE Floats hyperbolic_tangent(Floats x) {
  const PowerOfTwo split(clamp(2.0f * x, -87.0f, 88.0f));
  const Floats excess =
      exp_minus_one_near_zero(split.rest) * split.power + (split.power - 1.0f);
  return excess / (excess + 2.0f);
}

// The standard normal distribution: its density and the probability below x.
struct Normal {
  Floats density, below;

  // The tail beyond |x| is exp(-x^2 / 2) * p(t) with t = 1 / (1 + 0.305 |x|), the form of
  // Abramowitz and Stegun 7.1.26; p is fitted to 1e-7 (relative) over 0 <= x <= 13.
  EMC_INLINE explicit Normal(Floats x) {
    const Floats size = x < 0.0f ? -x : x;
    const Floats bell = exponential(-0.5f * (x * x));
    const Floats t = 1.0f / (1.0f + 0.305f * size);
    Floats p = broadcast(0.0366992501f);
    p = p * t - 0.152988547f;
    p = p * t + 0.185717282f;
    p = p * t - 0.0379771718f;
    p = p * t + 0.121021852f;
    p = p * t + 0.10342082f;
    p = p * t + 0.122466827f;
    p = p * t + 0.121639735f;
    const Floats tail = bell * (p * t);
    below = x < 0.0f ? tail : 1.0f - tail;
    density = 0.398942280f * bell;
  }
};

}  // namespace emc
