// Layer normalisation computed by a block, a thread per row: `norm.hpp` for the threads of a card.
#pragma once

#include "block_dense.hpp"

namespace emc {

// Of rows of `Width` numbers. Normalised rows end with the inverse of their deviation.
template <int Width>
struct BlockNorm {
  static constexpr int size = 2 * Width;  // gains, then shifts: torch's order
  static constexpr int pitch = odd(Width + 1);

  // Calls visit(place, number) for each parameter.
  template <class Visit>
  static void each(const Block& block, Visit visit) {
    block.each(size, [&](int i) { visit(i, i); });
  }

  // What follows sees of normalised rows.
  struct Output {
    const float *normalised, *weights;

    EMC_INLINE float operator()(int row, int k) const {
      return normalised[row * pitch + k] * weights[k] + weights[Width + k];
    }
  };

  static void forward(const Block& block, int rows, const float* from, float* normalised) {
    block.each(rows, [&](int row) {
      const float* const x = from + row * odd(Width);
      float* const to = normalised + row * pitch;
      const float mean = mean_of([&](int c) { return x[c]; });
      const float variance = mean_of([&](int c) { return (x[c] - mean) * (x[c] - mean); });
      const float inverse = 1.0f / square_root(variance + epsilon);
      for (int c = 0; c < Width; ++c) to[c] = (x[c] - mean) * inverse;
      to[Width] = inverse;
    });
  }

  // Sets the gradient, or adds to it, from that of the output, `delta`, and adds to that of the
  // rows, `to`.
  static void backward(const Block& block, int rows, const float* delta, const float* normalised,
                       const float* weights, float* gradient, bool first, float* to) {
    block.each(size + rows, [&](int item) {
      if (item < size)
        add_gradient(rows, item, delta, normalised, gradient, first);
      else
        add_delta(delta + (item - size) * odd(Width), normalised + (item - size) * pitch, weights,
                  to + (item - size) * odd(Width));
    });
  }

 private:
  static constexpr float epsilon = 1e-6f;

  template <class Value>
  static EMC_INLINE float mean_of(Value value) {
    float sum = 0;
    for (int c = 0; c < Width; ++c) sum += value(c);
    return sum * (1.0f / Width);
  }

  static EMC_INLINE void add_gradient(int rows, int number, const float* delta,
                                      const float* normalised, float* gradient, bool first) {
    const bool is_gain = number < Width;
    const int column = is_gain ? number : number - Width;
    float sum = 0;
    for (int row = 0; row < rows; ++row) {
      const float slope = delta[row * odd(Width) + column];
      sum += is_gain ? slope * normalised[row * pitch + column] : slope;
    }
    gradient[number] = first ? sum : gradient[number] + sum;
  }

  // (d - mean(d) - x mean(d x)) / deviation with d the gradient by the normalised x.
  static EMC_INLINE void add_delta(const float* delta, const float* x, const float* gains,
                                   float* to) {
    const auto slope = [&](int c) { return delta[c] * gains[c]; };
    const float mean = mean_of(slope);
    const float along = mean_of([&](int c) { return slope(c) * x[c]; });
    for (int c = 0; c < Width; ++c) to[c] += (slope(c) - mean - x[c] * along) * x[Width];
  }
};

}  // namespace emc
