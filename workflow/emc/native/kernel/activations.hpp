// Activations and their slopes, as torch.nn defines them.
//
// `from_output` says that the slope is a function of the output (else of the input); `monotone`
// that a larger input never gives a smaller output, so that it may change places with a maximum.
#pragma once

#include "functions.hpp"

namespace emc {

struct Identity {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x; }
  static EMC_INLINE Floats slope(Floats) { return broadcast(Real(1)); }
};

struct Relu {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x < Real(0) ? broadcast(Real(0)) : x; }
  static EMC_INLINE Floats slope(Floats y) {
    return y > Real(0) ? broadcast(Real(1)) : broadcast(Real(0));
  }
};

struct LeakyRelu {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x < Real(0) ? Real(0.01) * x : x; }
  static EMC_INLINE Floats slope(Floats y) {
    return y > Real(0) ? broadcast(Real(1)) : broadcast(Real(0.01));
  }
};

struct Tanh {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return hyperbolic_tangent(x); }
  static EMC_INLINE Floats slope(Floats y) { return Real(1) - y * y; }
};

struct Sigmoid {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return logistic(x); }
  static EMC_INLINE Floats slope(Floats y) { return y * (Real(1) - y); }
};

struct Silu {
  static constexpr bool from_output = false, monotone = false;
  static EMC_INLINE Floats value(Floats x) { return x * logistic(x); }
  static EMC_INLINE Floats slope(Floats x) {
    const Floats s = logistic(x);
    return s * (Real(1) + x * (Real(1) - s));
  }
};

struct Gelu {
  static constexpr bool from_output = false, monotone = false;
  static EMC_INLINE Floats value(Floats x) { return x * Normal(x).below; }
  static EMC_INLINE Floats slope(Floats x) {
    const Normal normal(x);
    return normal.below + x * normal.density;
  }
};

}  // namespace emc
