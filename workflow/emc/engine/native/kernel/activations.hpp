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
  static EMC_INLINE Floats slope(Floats) { return broadcast(1.0f); }
};

struct Relu {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x < 0.0f ? broadcast(0.0f) : x; }
  static EMC_INLINE Floats slope(Floats y) {
    return y > 0.0f ? broadcast(1.0f) : broadcast(0.0f);
  }
};

struct LeakyRelu {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return x < 0.0f ? 0.01f * x : x; }
  static EMC_INLINE Floats slope(Floats y) {
    return y > 0.0f ? broadcast(1.0f) : broadcast(0.01f);
  }
};

struct Tanh {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return hyperbolic_tangent(x); }
  static EMC_INLINE Floats slope(Floats y) { return 1.0f - y * y; }
};

struct Sigmoid {
  static constexpr bool from_output = true, monotone = true;
  static EMC_INLINE Floats value(Floats x) { return logistic(x); }
  static EMC_INLINE Floats slope(Floats y) { return y * (1.0f - y); }
};

struct Silu {
  static constexpr bool from_output = false, monotone = false;
  static EMC_INLINE Floats value(Floats x) { return x * logistic(x); }
  static EMC_INLINE Floats slope(Floats x) {
    const Floats s = logistic(x);
    return s * (1.0f + x * (1.0f - s));
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
