// Whole nets behind one interface: parameters in, logits out, gradient back.
#pragma once

#include "chunk.hpp"
#include "conv.hpp"
#include "dense.hpp"

namespace emc {

// A net of dense layers alone.
template <class... Layers>
class DenseNet {
  static constexpr int rows = 128;  // a chunk's activations stay in the second-level cache
  using Stack = DenseStack<rows, false, Layers...>;

 public:
  using Samples = Chunk<rows>;
  static constexpr int size = Stack::size, inputs = Stack::inputs;

  static void read(const float* plain, float* parameters) { Stack::read(plain, parameters); }
  static void write(const float* parameters, float* plain) { Stack::write(parameters, plain); }

  void prepare_forward(const float*) {}
  void prepare_backward(const float* parameters) { stack_.prepare_backward(parameters); }

  const float* forward(const Samples& chunk, const float* parameters) {
    stack_.forward(Gathered{chunk.samples}, chunk.rows, parameters);
    return stack_.logits();
  }

  float* logits_delta() { return stack_.logits_delta(); }

  void backward(const Samples& chunk, float* gradient) {
    stack_.backward(Gathered{chunk.samples}, chunk.rows, gradient);
  }

 private:
  Stack stack_;
};

// Convolution stages, then dense layers, for as many samples as a vector has lanes.
template <class Convolutions, class... Layers>
class ConvNet {
  static constexpr int rows = lanes;
  using Stack = DenseStack<rows, true, Layers...>;
  static constexpr int features = Convolutions::outputs, stride = round_up(features, lanes);

 public:
  using Samples = Chunk<rows>;
  static constexpr int size = Convolutions::size + Stack::size, inputs = Convolutions::inputs;

  static void read(const float* plain, float* parameters) {
    Stack::read(Convolutions::read(plain, parameters), parameters + Convolutions::size);
  }

  static void write(const float* parameters, float* plain) {
    Stack::write(parameters + Convolutions::size, Convolutions::write(parameters, plain));
  }

  void prepare_forward(const float* parameters) { convolutions_.prepare_forward(parameters); }

  void prepare_backward(const float* parameters) {
    convolutions_.prepare_backward(parameters);
    stack_.prepare_backward(parameters + Convolutions::size);
  }

  const float* forward(const Samples& chunk, const float* parameters) {
    images_to_lanes(chunk);
    convolutions_.forward(parameters);
    lanes_to_rows<features>(convolutions_.output(), features_);
    stack_.forward(Consecutive<stride>{features_}, rows, parameters + Convolutions::size);
    return stack_.logits();
  }

  float* logits_delta() { return stack_.logits_delta(); }

  void backward(const Samples&, float* gradient) {
    stack_.backward(Consecutive<stride>{features_}, rows, gradient + Convolutions::size);
    stack_.input_gradient(rows, [&](int row, int column, Floats value) {
      store(features_ + row * stride + column, value);
    });
    rows_to_lanes<features>(features_, convolutions_.output_delta());
    convolutions_.backward(gradient);
  }

 private:
  // A row of pixels of every sample becomes one vector per pixel.
  void images_to_lanes(const Samples& chunk) {
    using First = typename Convolutions::First;
    constexpr int width = First::width, whole = width - width % lanes;
    for (int line = 0; line < First::inputs * First::height; ++line) {
      float* to = convolutions_.input() +
                  Convolutions::Input::at(line / First::height, line % First::height, 0);
      for (int x = 0; x < whole; x += lanes) {
        Floats square[lanes];
        EMC_UNROLL for (int i = 0; i < lanes; ++i)
          square[i] = load(chunk.samples[i] + line * width + x);
        transpose(square);
        EMC_UNROLL for (int i = 0; i < lanes; ++i) store(to + (x + i) * lanes, square[i]);
      }
      for (int x = whole; x < width; ++x)
        for (int i = 0; i < lanes; ++i) to[x * lanes + i] = chunk.samples[i][line * width + x];
    }
  }

  Convolutions convolutions_;
  Stack stack_;
  alignas(64) float features_[rows * stride];
};

}  // namespace emc
