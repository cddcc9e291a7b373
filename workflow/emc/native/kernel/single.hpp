// What exp, log and the normal distribution need of float32, to a few units in the last place.
#pragma once

#include "vector.hpp"

namespace emc {

// The range over which exp neither overflows nor leaves the normal numbers.
constexpr Real lowest_exponent = -87.0f, highest_exponent = 88.0f;

// x = exponent * ln 2 + rest with |rest| <= ln 2 / 2, and 2^exponent, within that range.
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

// The standard normal distribution's tail beyond x >= 0, over exp(-x^2 / 2): p(t) with
// t = 1 / (1 + 0.305 x), the form of Abramowitz and Stegun 7.1.26; p is fitted to 1e-7 (relative)
// over 0 <= x <= 13.
EMC_INLINE Floats scaled_normal_tail(Floats x) {
  const Floats t = 1.0f / (1.0f + 0.305f * x);
  Floats p = broadcast(0.0366992501f);
  p = p * t - 0.152988547f;
  p = p * t + 0.185717282f;
  p = p * t - 0.0379771718f;
  p = p * t + 0.121021852f;
  p = p * t + 0.10342082f;
  p = p * t + 0.122466827f;
  p = p * t + 0.121639735f;
  return p * t;
}

}  // namespace emc
