// Activations with their first two derivatives. At a kink (ReLU at zero) the derivatives are those
// from the left, as in torch. Numbers are those of emc.native.objective.ACTIVATIONS.
#pragma once

#include "functions.hpp"

namespace emc {

struct Bend {
  Floats value, first, second;
};

enum class Activation : int64_t { relu, leaky_relu, gelu, silu, tanh, sigmoid, identity };

// Whether a larger input never gives a smaller output, so that a maximum may come before it.
constexpr bool is_monotone(Activation activation) {
  return activation != Activation::gelu && activation != Activation::silu;
}

template <Activation activation>
EMC_INLINE Bend bend(Floats x) {
  const Floats zero{}, one = broadcast(1);
  if constexpr (activation == Activation::relu) {
    return {x < zero ? zero : x, x > zero ? one : zero, zero};
  } else if constexpr (activation == Activation::leaky_relu) {
    const Floats slope = x > zero ? one : broadcast(Real(0.01));
    return {x * slope, slope, zero};
  } else if constexpr (activation == Activation::gelu) {
    const Normal normal(x);
    return {x * normal.below, normal.below + x * normal.density,
            normal.density * (Real(2) - x * x)};
  } else if constexpr (activation == Activation::silu) {
    const Floats s = logistic(x), slope = s * (Real(1) - s);
    return {x * s, s + x * slope, slope * (Real(2) + x * (Real(1) - Real(2) * s))};
  } else if constexpr (activation == Activation::tanh) {
    const Floats y = hyperbolic_tangent(x), slope = Real(1) - y * y;
    return {y, slope, Real(-2) * y * slope};
  } else if constexpr (activation == Activation::sigmoid) {
    const Floats s = logistic(x), slope = s * (Real(1) - s);
    return {s, slope, slope * (Real(1) - Real(2) * s)};
  } else {
    return {x, one, zero};
  }
}

// Calls visit with the activation as a compile-time constant.
template <class Visit>
inline void with_activation(Activation activation, Visit visit) {
  switch (activation) {
    case Activation::relu: return visit(std::integral_constant<Activation, Activation::relu>{});
    case Activation::leaky_relu:
      return visit(std::integral_constant<Activation, Activation::leaky_relu>{});
    case Activation::gelu: return visit(std::integral_constant<Activation, Activation::gelu>{});
    case Activation::silu: return visit(std::integral_constant<Activation, Activation::silu>{});
    case Activation::tanh: return visit(std::integral_constant<Activation, Activation::tanh>{});
    case Activation::sigmoid:
      return visit(std::integral_constant<Activation, Activation::sigmoid>{});
    case Activation::identity:
      return visit(std::integral_constant<Activation, Activation::identity>{});
  }
}

}  // namespace emc
