// Layer normalisation (Ba, Kiros and Hinton 2016) as torch defines it, row by row.
#pragma once

#include "functions.hpp"
#include "matrix.hpp"

namespace emc {

// The sum of each of `lanes` rows, one per lane; value(row, column) is a vector of it.
template <int Columns, class Value>
EMC_INLINE Floats row_sums(Value value) {
  Floats partial[lanes];
  EMC_UNROLL for (int i = 0; i < lanes; ++i) {
    partial[i] = Floats{};
    for (int column = 0; column < Columns; column += lanes) partial[i] += value(i, column);
  }
  return sums(partial);
}

// Normalises rows of `Width` numbers, up to `Rows` of them in multiples of `lanes`. Padding in the
// rows is zero and stays so.
template <int Rows, int Width>
class Norm {
 public:
  static constexpr int columns = round_up(Width, lanes);
  static constexpr int size = 2 * columns;  // gains, then shifts

  // Calls visit(place) for every parameter in torch's order: the gains, then the shifts.
  template <class Visit>
  static void each(Visit visit) {
    for (int i = 0; i < Width; ++i) visit(i);
    for (int i = 0; i < Width; ++i) visit(columns + i);
  }

  void forward(const float* from, int rows, const float* parameters) {
    for (int row = 0; row < rows; row += lanes) normalise(from + row * columns, row, parameters);
  }

  Consecutive<columns> output() const { return {output_}; }

  // Adds to the gradient, and the gradient by the rows to `to`; `delta` is that by the output.
  void backward(const float* delta, int rows, const float* parameters, float* gradient,
                float* to) const {
    for (int row = 0; row < rows; row += lanes) {
      add_gradient(delta + row * columns, normalised_ + row * columns, gradient);
      add_input_gradient(delta + row * columns, row, parameters, to + row * columns);
    }
  }

 private:
  static constexpr float epsilon = 1e-6f;

  void normalise(const float* from, int row, const float* parameters) {
    alignas(64) float mean[lanes];
    store(mean, row_sums<columns>([&](int i, int c) { return load(from + i * columns + c); }) *
                    (1.0f / Width));
    const auto centred = [&](int i, int c) {
      return only_first<Width>(c, load(from + i * columns + c) - mean[i]);
    };
    const Floats squares = row_sums<columns>([&](int i, int c) {
      const Floats value = centred(i, c);
      return value * value;
    });
    float* inverse = inverse_deviation_ + row;
    store(inverse, 1.0f / square_root(squares * (1.0f / Width) + epsilon));
    for (int i = 0; i < lanes; ++i) {
      for (int c = 0; c < columns; c += lanes) {
        const int place = (row + i) * columns + c;
        const Floats value = centred(i, c) * inverse[i];
        store(normalised_ + place, value);
        store(output_ + place, value * load(parameters + c) + load(parameters + columns + c));
      }
    }
  }

  static void add_gradient(const float* delta, const float* normalised, float* gradient) {
    for (int c = 0; c < columns; c += lanes) {
      Floats gain = load(gradient + c), shift = load(gradient + columns + c);
      for (int i = 0; i < lanes; ++i) {
        const Floats slope = load(delta + i * columns + c);
        gain += slope * load(normalised + i * columns + c);
        shift += slope;
      }
      store(gradient + c, gain);
      store(gradient + columns + c, shift);
    }
  }

  // (d - mean(d) - x mean(d x)) / deviation with d the gradient by the normalised x.
  void add_input_gradient(const float* delta, int row, const float* gains, float* to) const {
    const float* normalised = normalised_ + row * columns;
    const auto slope = [&](int i, int c) {
      return load(delta + i * columns + c) * load(gains + c);
    };
    alignas(64) float mean[lanes], along[lanes];
    store(mean, row_sums<columns>(slope) * (1.0f / Width));
    store(along, row_sums<columns>([&](int i, int c) {
            return slope(i, c) * load(normalised + i * columns + c);
          }) * (1.0f / Width));
    for (int i = 0; i < lanes; ++i) {
      for (int c = 0; c < columns; c += lanes) {
        const int place = i * columns + c;
        const Floats value = slope(i, c) - mean[i] - load(normalised + place) * along[i];
        store(to + place,
              load(to + place) + only_first<Width>(c, value * inverse_deviation_[row + i]));
      }
    }
  }

  alignas(64) float normalised_[Rows * columns];
  alignas(64) float output_[Rows * columns];
  alignas(64) float inverse_deviation_[Rows];
};

}  // namespace emc
