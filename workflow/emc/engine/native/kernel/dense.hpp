// Dense layers: a sample's activations lie in consecutive vectors, a batch row by row.
#pragma once

#include <algorithm>

#include "activations.hpp"
#include "matrix.hpp"

namespace emc {

template <int Inputs, int Outputs, class Activation, bool Bias>
struct Dense {
  using Weights = Panels<Inputs, Outputs>;
  using Transposed = Panels<Outputs, Inputs>;
  using Slope = Activation;

  static constexpr int inputs = Inputs, outputs = Outputs;
  static constexpr int columns = Weights::columns;
  static constexpr int size = Weights::size + columns;
  static constexpr int plain_size = Inputs * Outputs + (Bias ? Outputs : 0);

  // From and to torch's layout: weight [outputs, inputs], then the bias.
  static const float* read(const float* plain, float* parameters) {
    each([&](int place) { parameters[place] = *plain++; });
    return plain;
  }

  static float* write(const float* parameters, float* plain) {
    each([&](int place) { *plain++ = parameters[place]; });
    return plain;
  }

  template <class Left>
  static void forward(Left left, int rows, const float* parameters, float* output, float* input) {
    const float* bias = parameters + Weights::size;
    multiply<Inputs, Outputs>(
        left, rows, parameters, [&](int column) { return load(bias + column); },
        [&](int row, int column, Floats sum) {
          if constexpr (!Activation::from_output) store(input + row * columns + column, sum);
          store(output + row * columns + column, Activation::value(sum));
        });
  }

  template <class Left>
  static void add_gradient(Left left, int rows, const float* delta, float* gradient) {
    add_transposed_product<Inputs, Outputs>(left, rows, delta, gradient);
    if constexpr (Bias) add_column_sums(rows, delta, gradient + Weights::size);
  }

  // Each vector of the gradient by this layer's inputs goes to finish(row, column, vector).
  template <class Finish>
  static void input_gradient(const float* delta, int rows, const float* transposed,
                             Finish finish) {
    multiply<Outputs, Inputs>(
        Consecutive<columns>{delta}, rows, transposed, [](int) { return Floats{}; }, finish);
  }

 private:
  template <class Visit>
  static void each(Visit visit) {
    for (int o = 0; o < Outputs; ++o)
      for (int i = 0; i < Inputs; ++i) visit(Weights::at(i, o));
    for (int o = 0; Bias && o < Outputs; ++o) visit(Weights::size + o);
  }

  static void add_column_sums(int rows, const float* delta, float* sums) {
    for (int column = 0; column < columns; column += lanes) {
      Floats even{}, odd{};
      for (int row = 0; row < rows; row += 2) {
        even += load(delta + row * columns + column);
        odd += load(delta + (row + 1) * columns + column);
      }
      store(sums + column, load(sums + column) + (even + odd));
    }
  }
};

// Dense layers one after the other with their activations for up to `Rows` samples. Parameters
// and gradient are flat arrays of `size` floats; padding in them is zero and stays so.
// `InputGradient` says whether the gradient by the inputs will be asked for.
template <int Rows, bool InputGradient, class... Layers>
class DenseStack {
 public:
  static constexpr int size = 0;
};

template <int Rows, bool InputGradient, class Layer, class... Rest>
class DenseStack<Rows, InputGradient, Layer, Rest...> {
  static constexpr bool is_last = sizeof...(Rest) == 0;
  using Next = DenseStack<Rows, true, Rest...>;

 public:
  static constexpr int size = Layer::size + Next::size;
  static constexpr int inputs = Layer::inputs;

  static const float* read(const float* plain, float* parameters) {
    plain = Layer::read(plain, parameters);
    if constexpr (!is_last) plain = Next::read(plain, parameters + Layer::size);
    return plain;
  }

  static float* write(const float* parameters, float* plain) {
    plain = Layer::write(parameters, plain);
    if constexpr (!is_last) plain = Next::write(parameters + Layer::size, plain);
    return plain;
  }

  // What backward needs from new parameters.
  void prepare_backward(const float* parameters) {
    if constexpr (InputGradient)
      transpose_panels<Layer::inputs, Layer::outputs>(parameters, transposed_);
    if constexpr (!is_last) next_.prepare_backward(parameters + Layer::size);
  }

  template <class Left>
  void forward(Left left, int rows, const float* parameters) {
    Layer::forward(left, rows, parameters, output_, input_);
    if constexpr (!is_last)
      next_.forward(Consecutive<Layer::columns>{output_}, rows, parameters + Layer::size);
  }

  // Adds to the gradient, given that logits_delta() holds the gradient by the logits.
  template <class Left>
  void backward(Left left, int rows, float* gradient) {
    if constexpr (!is_last) {
      next_.backward(Consecutive<Layer::columns>{output_}, rows, gradient + Layer::size);
      const float* kept = Layer::Slope::from_output ? output_ : input_;
      next_.input_gradient(rows, [&](int row, int column, Floats value) {
        const int place = row * Layer::columns + column;
        store(delta_ + place, value * Layer::Slope::slope(load(kept + place)));
      });
    }
    Layer::add_gradient(left, rows, delta_, gradient);
  }

  template <class Finish>
  void input_gradient(int rows, Finish finish) const {
    Layer::input_gradient(delta_, rows, transposed_, finish);
  }

  const float* logits() const {
    if constexpr (is_last) return output_;
    else return next_.logits();
  }

  float* logits_delta() {
    if constexpr (is_last) return delta_;
    else return next_.logits_delta();
  }

 private:
  alignas(64) float output_[Rows * Layer::columns];
  alignas(64) float input_[Layer::Slope::from_output ? 1 : Rows * Layer::columns];
  alignas(64) float delta_[Rows * Layer::columns];
  alignas(64) float transposed_[InputGradient ? Layer::Transposed::size : 1];
  Next next_;
};

}  // namespace emc
