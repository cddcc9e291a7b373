// Numbers that a net computes with: `lanes` samples at a time, alone or with their derivatives
// along a direction of all parameters. The backward pass in such duals is forward-over-reverse: the
// tangent of the gradient is the Hessian times the direction (Pearlmutter 1994, the R-operator).
#pragma once

#include "bends.hpp"

namespace emc {

struct Dual {
  Floats value, tangent;
};

template <class Number>
constexpr bool is_dual = std::is_same_v<Number, Dual>;

EMC_INLINE Floats value(Floats x) { return x; }
EMC_INLINE Floats value(Dual x) { return x.value; }

// The share of a product in what is asked for: the gradient, or the Hessian times the direction.
EMC_INLINE Floats wanted(Floats x) { return x; }
EMC_INLINE Floats wanted(Dual x) { return x.tangent; }
EMC_INLINE Floats wanted_product(Floats d, Floats x) { return d * x; }
EMC_INLINE Floats wanted_product(Dual d, Floats x) { return d.tangent * x; }
EMC_INLINE Floats wanted_product(Dual d, Dual x) {
  return d.tangent * x.value + d.value * x.tangent;
}

EMC_INLINE Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.tangent + b.tangent}; }
EMC_INLINE Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.tangent - b.tangent}; }
EMC_INLINE Dual operator-(Dual a, Floats b) { return {a.value - b, a.tangent}; }
EMC_INLINE Dual operator*(Dual a, Dual b) {
  return {a.value * b.value, a.tangent * b.value + a.value * b.tangent};
}
EMC_INLINE Dual operator*(Dual a, Floats b) { return {a.value * b, a.tangent * b}; }
EMC_INLINE Dual operator*(Dual a, Real b) { return {a.value * b, a.tangent * b}; }
EMC_INLINE Dual& operator+=(Dual& a, Dual b) { return a = a + b; }

// A constant among numbers of the same kind as x.
EMC_INLINE Floats broadcast_as(Floats, Real x) { return broadcast(x); }
EMC_INLINE Dual broadcast_as(Dual, Real x) { return {broadcast(x), Floats{}}; }

// The sum over all samples, for each of them.
EMC_INLINE Floats sum_for_all(Floats x) { return broadcast(sum(x)); }
EMC_INLINE Dual sum_for_all(Dual x) { return {sum_for_all(x.value), sum_for_all(x.tangent)}; }

EMC_INLINE Floats reciprocal(Floats x) { return Real(1) / x; }
EMC_INLINE Dual reciprocal(Dual x) {
  const Floats inverse = Real(1) / x.value;
  return {inverse, -x.tangent * inverse * inverse};
}

EMC_INLINE Floats exponential_of(Floats x) { return exponential(x); }
EMC_INLINE Dual exponential_of(Dual x) {
  const Floats power = exponential(x.value);
  return {power, power * x.tangent};
}

// 1 / sqrt(x + epsilon).
EMC_INLINE Floats inverse_root(Floats x, Real epsilon) {
  return Real(1) / square_root(x + epsilon);
}
EMC_INLINE Dual inverse_root(Dual x, Real epsilon) {
  const Floats inverse = inverse_root(x.value, epsilon);
  return {inverse, Real(-0.5) * x.tangent * (inverse * inverse * inverse)};
}

EMC_INLINE Floats where(Ints mask, Floats a, Floats b) { return mask ? a : b; }
EMC_INLINE Dual where(Ints mask, Dual a, Dual b) {
  return {mask ? a.value : b.value, mask ? a.tangent : b.tangent};
}

// An activation's output and its slope.
template <class Number>
struct Activated {
  Number output, slope;
};

EMC_INLINE Activated<Floats> at(const Bend& bent, Floats) { return {bent.value, bent.first}; }
EMC_INLINE Activated<Dual> at(const Bend& bent, Dual x) {
  return {{bent.value, bent.first * x.tangent}, {bent.first, bent.second * x.tangent}};
}

template <Activation activation, class Number>
EMC_INLINE Activated<Number> activate(Number x) {
  return at(bend<activation>(value(x)), x);
}

template <Activation activation, class Number>
EMC_INLINE Activated<Number> activate_rounded(Number x, Real width) {
  return at(rounded_bend<activation>(value(x), width), x);
}

// The larger of two numbers, rounded off to (a + b + sqrt((a - b)^2 + width^2)) / 2. Writes its
// slopes along both.
template <class Number>
EMC_INLINE Number rounded_larger(Number a, Number b, Real width, Number& along_a,
                                 Number& along_b) {
  const Number apart = a - b, squares = apart * apart;
  const Number inverse = inverse_root(squares, width * width);
  const Number half = broadcast_as(apart, Real(0.5)), tilt = apart * inverse * Real(0.5);
  along_a = half + tilt;
  along_b = half - tilt;
  return (a + b + inverse * squares + inverse * (width * width)) * Real(0.5);
}

// The largest of four, as the larger of two larger ones.
template <class Number>
EMC_INLINE Number rounded_largest(Number a, Number b, Number c, Number d, Real width,
                                  Number* slopes) {
  Number along_upper, along_lower;
  const Number upper = rounded_larger(a, b, width, slopes[0], slopes[1]);
  const Number lower = rounded_larger(c, d, width, slopes[2], slopes[3]);
  const Number largest = rounded_larger(upper, lower, width, along_upper, along_lower);
  for (int i = 0; i < 2; ++i) slopes[i] = slopes[i] * along_upper;
  for (int i = 2; i < 4; ++i) slopes[i] = slopes[i] * along_lower;
  return largest;
}

// A stretch of parameters, with their direction where numbers are duals.
template <class Number>
struct Weights {
  const Real* at;

  EMC_INLINE Weights from(int64_t first) const { return {at + first}; }
  EMC_INLINE Floats operator[](int64_t i) const { return broadcast(at[i]); }
  EMC_INLINE void add(int64_t i, Floats x, Floats& sum) const { sum += at[i] * x; }
};

template <>
struct Weights<Dual> {
  const Real *at, *along;

  EMC_INLINE Weights from(int64_t first) const { return {at + first, along + first}; }
  EMC_INLINE Dual operator[](int64_t i) const { return {broadcast(at[i]), broadcast(along[i])}; }

  EMC_INLINE void add(int64_t i, Floats x, Dual& sum) const {
    sum.value += at[i] * x;
    sum.tangent += along[i] * x;
  }

  EMC_INLINE void add(int64_t i, Dual x, Dual& sum) const {
    sum.value += at[i] * x.value;
    sum.tangent += at[i] * x.tangent;
    sum.tangent += along[i] * x.value;
  }
};

}  // namespace emc
