// Activations chosen at run time by their number in EMC_ACTIVATIONS.
#pragma once

#include <type_traits>

#include "activations.hpp"

namespace emc {

#define EMC_NAME(NAME) NAME,
enum class Activation : int64_t { EMC_ACTIVATIONS(EMC_NAME) };
#undef EMC_NAME

template <Activation activation>
struct Formula;
#define EMC_FORMULA(NAME) \
  template <>             \
  struct Formula<Activation::NAME> : NAME {};
EMC_ACTIVATIONS(EMC_FORMULA)
#undef EMC_FORMULA

// Whether a larger input never gives a smaller output, so that a maximum may come before it.
template <Activation activation>
constexpr bool is_monotone() {
  return Formula<activation>::monotone;
}

template <Activation activation>
EMC_INLINE Bend bend(Floats x) {
  return Formula<activation>::bend(x);
}

// The activation with max(0, x) in it rounded off to (x + sqrt(x^2 + width^2)) / 2.
template <Activation activation>
EMC_INLINE Bend rounded_bend(Floats x, Real width) {
  constexpr Real jump = Formula<activation>::jump, below = Formula<activation>::below;
  if constexpr (jump == 0) return bend<activation>(x);
  const Floats root = square_root(x * x + width * width), cosine = x / root;
  return {below * x + jump / 2 * (x + root), below + jump / 2 * (Real(1) + cosine),
          jump / 2 * (Real(1) - cosine * cosine) / root};
}

// Calls visit with the activation as a compile-time constant.
template <class Visit>
inline void with_activation(Activation activation, Visit visit) {
  switch (activation) {
#define EMC_CASE(NAME)   \
  case Activation::NAME: \
    return visit(std::integral_constant<Activation, Activation::NAME>{});
    EMC_ACTIVATIONS(EMC_CASE)
#undef EMC_CASE
  }
}

}  // namespace emc
