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
