// What exp, log and the normal distribution need of float64, to a few units in the last place.
#pragma once

#include "vector.hpp"

namespace emc {

// The range over which exp neither overflows nor leaves the normal numbers.
constexpr Real lowest_exponent = -708.0, highest_exponent = 709.0;

// x = exponent * ln 2 + rest with |rest| <= ln 2 / 2, and 2^exponent, within that range.
struct PowerOfTwo {
  Floats power, rest;

  EMC_INLINE explicit PowerOfTwo(Floats x) {
    // Adding 1.5 * 2^52 leaves a double's fraction holding the nearest integer.
    constexpr double shift = 6755399441055744.0, log2_e = 1.4426950408889634;
    // ln 2 in two parts, the first with few enough bits that exponent * high is exact.
    constexpr double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    const Floats shifted = x * log2_e + shift;
    const Floats exponent = shifted - shift;
    rest = (x - exponent * ln2_high) - exponent * ln2_low;
    const Ints biased = floats_to_bits(shifted) - floats_to_bits(broadcast(shift)) + 1023;
    power = bits_to_floats(biased << 52);
  }
};

// exp(r) - 1 for |r| <= ln 2 / 2: the Taylor series.
EMC_INLINE Floats exp_minus_one_near_zero(Floats r) {
  Floats series = broadcast(1.0 / 6227020800);
  series = series * r + 1.0 / 479001600;
  series = series * r + 1.0 / 39916800;
  series = series * r + 1.0 / 3628800;
  series = series * r + 1.0 / 362880;
  series = series * r + 1.0 / 40320;
  series = series * r + 1.0 / 5040;
  series = series * r + 1.0 / 720;
  series = series * r + 1.0 / 120;
  series = series * r + 1.0 / 24;
  series = series * r + 1.0 / 6;
  series = series * r + 0.5;
  return series * (r * r) + r;
}

// ln x for positive normal x: 2 atanh((m - 1) / (m + 1)) of the mantissa m, by its series.
EMC_INLINE Floats logarithm(Floats x) {
  const Ints sqrt_half = floats_to_bits(broadcast(0.70710678118654752));
  const Ints exponent = (floats_to_bits(x) - sqrt_half) >> 52;
  const Floats mantissa = bits_to_floats(floats_to_bits(x) - (exponent << 52));
  const Floats s = (mantissa - 1.0) / (mantissa + 1.0), s2 = s * s;
  Floats series = broadcast(2.0 / 21);
  series = series * s2 + 2.0 / 19;
  series = series * s2 + 2.0 / 17;
  series = series * s2 + 2.0 / 15;
  series = series * s2 + 2.0 / 13;
  series = series * s2 + 2.0 / 11;
  series = series * s2 + 2.0 / 9;
  series = series * s2 + 2.0 / 7;
  series = series * s2 + 2.0 / 5;
  series = series * s2 + 2.0 / 3;
  return __builtin_convertvector(exponent, Floats) * 0.69314718055994531 +
         (series * (s2 * s) + 2.0 * s);
}

// The standard normal distribution's tail beyond x >= 0, over exp(-x^2 / 2): p(t) / (x + 4) with
// t = (x - 4) / (x + 4). The tail times x + 4 is interpolated at 30 Chebyshev nodes in t and cut
// to degree 23: 5e-16 (relative) over 0 <= x <= 38.
EMC_INLINE Floats scaled_normal_tail(Floats x) {
  const Floats scale = 1.0 / (x + 4.0), t = (x - 4.0) * scale;
  Floats p = broadcast(-1.1997747025274538e-10);
  p = p * t - 1.6886575111146324e-09;
  p = p * t - 5.873645931628558e-10;
  p = p * t + 1.6067385985418223e-08;
  p = p * t + 1.784493232419677e-08;
  p = p * t - 7.878360123488246e-08;
  p = p * t - 1.597739675658351e-07;
  p = p * t + 2.6473372541251704e-07;
  p = p * t + 1.024785106847035e-06;
  p = p * t - 6.249551055658868e-07;
  p = p * t - 5.921611048775452e-06;
  p = p * t + 7.146021520239977e-07;
  p = p * t + 3.514511190386066e-05;
  p = p * t - 1.9076760303640044e-06;
  p = p * t - 0.00023109501736300904;
  p = p * t + 0.00013334420916007682;
  p = p * t + 0.0016308184674099413;
  p = p * t - 0.0034796923566514943;
  p = p * t - 0.007540188967386315;
  p = p * t + 0.06039657489036092;
  p = p * t - 0.1865218579596366;
  p = p * t + 0.3871374007422266;
  p = p * t - 0.6078966419718923;
  p = p * t + 0.7552851304157514;
  return p * scale;
}

}  // namespace emc
