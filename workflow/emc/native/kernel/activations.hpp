// Activations, their slopes and their bends, as torch.nn defines them. At a kink (ReLU at zero) a
// bend's derivatives are those from the left, as in torch.
//
// `from_output` says that the slope is a function of the output (else of the input); `monotone`
// that a larger input never gives a smaller output, so that it may change places with a maximum;
// `jump` by how much the slope jumps at zero, and `below` what it is on the left there.
#pragma once

#include "functions.hpp"

namespace emc {

// The value at a point with the first two derivatives.
struct Bend {
  Floats value, first, second;
};

struct Smooth {
  static constexpr Real jump = 0, below = 0;
};

struct Identity : Smooth {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x; }
  static EMC_INLINE Floats slope(Floats) { return broadcast(Real(1)); }
  static EMC_INLINE Bend bend(Floats x) {
    return {x, broadcast(1), Floats{}};
  }
};

struct Relu {
  static constexpr Real jump = 1, below = 0;
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x < Real(0) ? broadcast(Real(0)) : x; }
  static EMC_INLINE Floats slope(Floats y) {
    return y > Real(0) ? broadcast(Real(1)) : broadcast(Real(0));
  }
  static EMC_INLINE Bend bend(Floats x) {
    const Floats zero{}, one = broadcast(1);
    return {x < zero ? zero : x, x > zero ? one : zero, zero};
  }
};

struct LeakyRelu {
  static constexpr Real jump = Real(0.99), below = Real(0.01);
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x < Real(0) ? Real(0.01) * x : x; }
  static EMC_INLINE Floats slope(Floats y) {
    return y > Real(0) ? broadcast(Real(1)) : broadcast(Real(0.01));
  }
  static EMC_INLINE Bend bend(Floats x) {
    const Floats zero{}, slope = x > zero ? broadcast(1) : broadcast(Real(0.01));
    return {x * slope, slope, zero};
  }
};

struct Tanh : Smooth {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return hyperbolic_tangent(x); }
  static EMC_INLINE Floats slope(Floats y) { return Real(1) - y * y; }
  static EMC_INLINE Bend bend(Floats x) {
    const Floats y = hyperbolic_tangent(x), slope = Real(1) - y * y;
    return {y, slope, Real(-2) * y * slope};
  }
};

struct Sigmoid : Smooth {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return logistic(x); }
  static EMC_INLINE Floats slope(Floats y) { return y * (Real(1) - y); }
  static EMC_INLINE Bend bend(Floats x) {
    const Floats s = logistic(x), slope = s * (Real(1) - s);
    return {s, slope, slope * (Real(1) - Real(2) * s)};
  }
};

struct Silu : Smooth {
  static constexpr bool from_output = false, monotone = false;
  static EMC_INLINE Floats value(Floats x) { return x * logistic(x); }
  static EMC_INLINE Floats slope(Floats x) {
    const Floats s = logistic(x);
    return s * (Real(1) + x * (Real(1) - s));
  }
  static EMC_INLINE Bend bend(Floats x) {
    const Floats s = logistic(x), slope = s * (Real(1) - s);
    return {x * s, s + x * slope, slope * (Real(2) + x * (Real(1) - Real(2) * s))};
  }
};

struct Gelu : Smooth {
  static constexpr bool from_output = false, monotone = false;
  static EMC_INLINE Floats value(Floats x) { return x * Normal(x).below; }
  static EMC_INLINE Floats slope(Floats x) {
    const Normal normal(x);
    return normal.below + x * normal.density;
  }
  static EMC_INLINE Bend bend(Floats x) {
    const Normal normal(x);
    return {x * normal.below, normal.below + x * normal.density,
            normal.density * (Real(2) - x * x)};
  }
};

// All of them; emc.native.activation reads here which number an activation has.
#define EMC_ACTIVATIONS(EACH) \
  EACH(Relu) EACH(LeakyRelu) EACH(Gelu) EACH(Silu) EACH(Tanh) EACH(Sigmoid) EACH(Identity)

}  // namespace emc
