// Layers one after the other, computed by a block.
#pragma once

#include "block_conv.hpp"

namespace emc {

// The activation before the first layer: there is none, and no delta of it is wanted.
struct NoSlope {};

template <class Type, class Other>
constexpr bool is_same = false;
template <class Type>
constexpr bool is_same<Type, Type> = true;

// A net for up to Rows samples at a time; `memory` holds what is kept of them, layer by layer, and
// `scratch` parts of sums.
template <int Rows, class... Layers>
struct BlockStack {
  static constexpr int size = 0, kept = 0, plain_size = 0, scratch = 0;

  template <class Visit>
  static void each(const Block&, Visit) {}
  static void forward(const Block&, int, const float*, const float*, float*, float*) {}
  template <class Before>
  static void backward_after(const Block&, int, const KeptRows&, const float*, float*, float*, bool,
                             float*) {}
};

template <int Rows, class Layer, class... Rest>
struct BlockStack<Rows, Layer, Rest...> {
  using Next = BlockStack<Rows, Rest...>;
  using Slope = typename Layer::Slope;
  static constexpr bool made_once = false;
  // Of a sample, and how many places they take.
  static constexpr int inputs = Layer::inputs, input_places = odd(inputs);
  static constexpr int size = Layer::size + Next::size;
  static constexpr int plain_size = Layer::plain_size + Next::plain_size;
  static constexpr int scratch = Layer::scratch > Next::scratch ? Layer::scratch : Next::scratch;
  // Numbers of four bytes of a sample: outputs and slopes of this layer, and places.
  static constexpr int numbers = (Slope::from_output ? 1 : 2) * Layer::pitch;
  static constexpr int own = numbers + ceil_div(Layer::places, 4), kept = own + Next::kept;

  template <class Visit>
  static void each(const Block& block, Visit visit) {
    Layer::each(block, visit);
    Next::each(block, [&](int place, int number) {
      visit(Layer::size + place, Layer::plain_size + number);
    });
  }

  // Where a sample's input lies among those of all rows.
  static EMC_INLINE int input_place(int row, int number, int) {
    return row * input_places + number;
  }

  static void forward(const Block& block, int rows, const float* x, const float* weights,
                      float* memory, float* partial) {
    Layer::forward(block, rows, x, weights, kept_in(memory), partial);
    Next::forward(block, rows, memory, weights + Layer::size, memory + Rows * own, partial);
  }

  // From the delta of the logits, in their place, to the gradient.
  static void backward(const Block& block, int rows, float* x, const float* weights,
                       float* gradient, float* memory, bool first, float* partial) {
    backward_after<NoSlope>(block, rows, {x, nullptr, nullptr}, weights, gradient, memory, first,
                            partial);
  }

  // The same, and on to the delta of the layer before.
  template <class Before>
  static void backward_after(const Block& block, int rows, const KeptRows& before,
                             const float* weights, float* gradient, float* memory, bool first,
                             float* partial) {
    const KeptRows found = kept_in(memory);
    Next::template backward_after<Slope>(block, rows, found, weights + Layer::size,
                                         gradient + Layer::size, memory + Rows * own, first,
                                         partial);
    Layer::add_gradient(block, rows, before.outputs, found, gradient, first, partial);
    if constexpr (!is_same<Before, NoSlope>)
      Layer::template input_delta<Before>(block, rows, before, weights, found);
  }

  static float* logits(float* memory) {
    if constexpr (sizeof...(Rest) == 0) return memory;
    else return Next::logits(memory + Rows * own);
  }

 private:
  static KeptRows kept_in(float* memory) {
    return {memory, memory + Rows * Layer::pitch,
            reinterpret_cast<unsigned char*>(memory + Rows * numbers)};
  }
};

}  // namespace emc
