// What exp, log and the normal distribution need of float64, to a few units in the last place.
#pragma once

#include "polynomial.hpp"

namespace emc {

// Bits of the fraction, and the exponent of 1 as it is stored.
constexpr int fraction_bits = 52, exponent_bias = 1023;
// 1.5 * 2^52: added to a number, it leaves the fraction holding the nearest integer.
constexpr Real rounding_shift = 6755399441055744.0;
// ln 2 in two parts, the first with few enough bits that exponent * high is exact.
constexpr Real ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
// The range over which exp neither overflows nor leaves the normal numbers.
constexpr Real lowest_exponent = -708.0, highest_exponent = 709.0;

// Taylor: exp(r) - 1 = r + r^2 p(r) for |r| <= ln 2 / 2.
constexpr Real exp_series[] = {
    1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
    1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5,
};

// 2 atanh(s) = 2 s + s^3 p(s^2) for s = (m - 1) / (m + 1) of a mantissa m.
constexpr Real logarithm_series[] = {
    2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7,
    2.0 / 5, 2.0 / 3,
};

constexpr Real normal_tail[] = {
    -1.1997747025274538e-10, -1.6886575111146324e-09, -5.873645931628558e-10,
    1.6067385985418223e-08, 1.784493232419677e-08, -7.878360123488246e-08, -1.597739675658351e-07,
    2.6473372541251704e-07, 1.024785106847035e-06, -6.249551055658868e-07, -5.921611048775452e-06,
    7.146021520239977e-07, 3.514511190386066e-05, -1.9076760303640044e-06,
    -0.00023109501736300904, 0.00013334420916007682, 0.0016308184674099413,
    -0.0034796923566514943, -0.007540188967386315, 0.06039657489036092, -0.1865218579596366,
    0.3871374007422266, -0.6078966419718923, 0.7552851304157514,
};

// The standard normal distribution's tail beyond x >= 0, over exp(-x^2 / 2): p(t) / (x + 4) with
// t = (x - 4) / (x + 4). The tail times x + 4 is interpolated at 30 Chebyshev nodes in t and cut
// to degree 23: 5e-16 (relative) over 0 <= x <= 38.
EMC_INLINE Floats scaled_normal_tail(Floats x) {
  const Floats scale = 1.0 / (x + 4.0);
  return polynomial(normal_tail, (x - 4.0) * scale) * scale;
}

}  // namespace emc
