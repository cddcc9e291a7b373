// A stage: 3x3 convolution padded by one pixel, activation, 2x2 max-pooling. What the kernels of the
// processor and of a card share of it.
#pragma once

#include "activations.hpp"

namespace emc {

constexpr int taps = 9;

// What is left of four pixels after activation and pooling.
template <class Activation>
struct Pooled {
  Floats input, output;  // of the activation, at the first of the largest outputs
  Ints place;            // which of the four it is

  EMC_INLINE explicit Pooled(const Floats (&pixels)[4]) : input(pixels[0]), place{} {
    output = candidate(pixels[0]);
    EMC_UNROLL for (int i = 1; i < 4; ++i) {
      const Floats other = candidate(pixels[i]);
      const Ints larger = other > output;
      output = larger ? other : output;
      input = larger ? pixels[i] : input;
      place = larger ? Ints{} + i : place;
    }
    if constexpr (Activation::monotone) output = Activation::value(input);
  }

 private:
  // Pooling comes before a monotone activation, which then is needed only once.
  static EMC_INLINE Floats candidate(Floats pixel) {
    return Activation::monotone ? pixel : Activation::value(pixel);
  }
};

}  // namespace emc
