// What exp, log and the normal distribution need of float32, to a few units in the last place.
#pragma once

#include "polynomial.hpp"

namespace emc {

// Bits of the fraction, and the exponent of 1 as it is stored.
constexpr int fraction_bits = 23, exponent_bias = 127;
// 1.5 * 2^23: added to a number, it leaves the fraction holding the nearest integer.
constexpr Real rounding_shift = 12582912.0f;
// ln 2 in two parts, the first with few enough bits that exponent * high is exact.
constexpr Real ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
// The range over which exp neither overflows nor leaves the normal numbers.
constexpr Real lowest_exponent = -87.0f, highest_exponent = 88.0f;

// Taylor: exp(r) - 1 = r + r^2 p(r) for |r| <= ln 2 / 2.
constexpr Real exp_series[] = {
    1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f,
};

// 2 atanh(s) = 2 s + s^3 p(s^2) for s = (m - 1) / (m + 1) of a mantissa m.
constexpr Real logarithm_series[] = {
    2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3,
};

constexpr Real normal_tail[] = {
    0.0366992501f, -0.152988547f, 0.185717282f, -0.0379771718f, 0.121021852f, 0.10342082f,
    0.122466827f, 0.121639735f,
};

// The standard normal distribution's tail beyond x >= 0, over exp(-x^2 / 2): p(t) with
// t = 1 / (1 + 0.305 x), the form of Abramowitz and Stegun 7.1.26; p is fitted to 1e-7 (relative)
// over 0 <= x <= 13.
EMC_INLINE Floats scaled_normal_tail(Floats x) {
  const Floats t = 1.0f / (1.0f + 0.305f * x);
  return polynomial(normal_tail, t) * t;
}

}  // namespace emc
