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

  // Calls visit(place) for every weight in torch's order, [outputs, inputs].
  template <class Visit>
  static void each_weight(Visit visit) {
    for (int o = 0; o < Outputs; ++o)
      for (int i = 0; i < Inputs; ++i) visit(Weights::at(i, o));
  }

  template <class Visit>
  static void each_bias(Visit visit) {
    for (int o = 0; Bias && o < Outputs; ++o) visit(Weights::size + o);
  }

  // The weights, then the bias.
  template <class Visit>
  static void each(Visit visit) {
    each_weight(visit);
    each_bias(visit);
  }

  static const float* read(const float* plain, float* parameters) {
    each([&](int place) { parameters[place] = *plain++; });
    return plain;
  }

  static float* write(const float* parameters, float* plain) {
    each([&](int place) { *plain++ = parameters[place]; });
    return plain;
  }

  // `slopes` are those of the activation, where they are no function of its output.
  template <class Left>
  static void forward(Left left, int rows, const float* parameters, float* output, float* slopes) {
    const float* bias = parameters + Weights::size;
    multiply<Inputs, Outputs>(
        left, rows, parameters, [&](int column) { return load(bias + column); },
        [&](int row, int column, Floats sum) {
          const int place = row * columns + column;
          if constexpr (!Activation::from_output) store(slopes + place, Activation::slope(sum));
          store(output + place, Activation::value(sum));
        });
  }

  // The activation's slope at a place of what `forward` has left.
  static EMC_INLINE Floats slope(const float* output, const float* slopes, int place) {
    if constexpr (Activation::from_output) return Activation::slope(load(output + place));
    else return load(slopes + place);
  }

  template <class Left>
  static void add_gradient(Left left, int rows, const float* delta, float* gradient) {
    add_transposed_product<Inputs, Outputs>(left, rows, delta, gradient);
    if constexpr (Bias) add_column_sums<columns>(delta, rows, gradient + Weights::size);
  }

  // Each vector of the gradient by this layer's inputs goes to finish(row, column, vector).
  template <class Finish>
  static void input_gradient(const float* delta, int rows, const float* transposed,
                             Finish finish) {
    multiply<Outputs, Inputs>(
        Consecutive<columns>{delta}, rows, transposed, [](int) { return Floats{}; }, finish);
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
    Layer::forward(left, rows, parameters, output_, slopes_);
    if constexpr (!is_last)
      next_.forward(Consecutive<Layer::columns>{output_}, rows, parameters + Layer::size);
  }

  // Adds to the gradient, given that logits_delta() holds the gradient by the logits.
  template <class Left>
  void backward(Left left, int rows, float* gradient) {
    if constexpr (!is_last) {
      next_.backward(Consecutive<Layer::columns>{output_}, rows, gradient + Layer::size);
      next_.input_gradient(rows, [&](int row, int column, Floats value) {
        const int place = row * Layer::columns + column;
        store(delta_ + place, value * Layer::slope(output_, slopes_, place));
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
  alignas(64) float slopes_[Layer::Slope::from_output ? 1 : Rows * Layer::columns];
  alignas(64) float delta_[Rows * Layer::columns];
  alignas(64) float transposed_[InputGradient ? Layer::Transposed::size : 1];
  Next next_;
};

}  // namespace emc
