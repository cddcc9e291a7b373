// Dense layers computed by a block: an item is a tile of a product, its sums in registers.
//
// A matrix lies row by row with an odd distance between rows: neighbouring threads that read down a
// column meet no other's memory bank (CUDA C++ Programming Guide, shared memory).
#pragma once

#include "activations.hpp"
#include "block.hpp"

namespace emc {

constexpr int odd(int count) { return count | 1; }

// Calls `tile(row, column)` for the corner of each tile of a matrix, columns first.
template <int Rows, int Columns, class Tile>
inline void each_tile(const Block& block, int rows, int columns, Tile tile) {
  const int across = ceil_div(columns, Columns);
  block.each(ceil_div(rows, Rows) * across,
             [&](int i) { tile(i / across * Rows, i % across * Columns); });
}

// sums[r][c] += the sum over k < depth of left(r, k) * right(k, c).
template <int Rows, int Columns, class Left, class Right>
EMC_INLINE void add_products(int depth, Left left, Right right, float (&sums)[Rows][Columns]) {
  for (int k = 0; k < depth; ++k) {
    float row[Rows], column[Columns];
    EMC_UNROLL for (int r = 0; r < Rows; ++r) row[r] = left(r, k);
    EMC_UNROLL for (int c = 0; c < Columns; ++c) column[c] = right(k, c);
    EMC_UNROLL for (int r = 0; r < Rows; ++r)
      EMC_UNROLL for (int c = 0; c < Columns; ++c) sums[r][c] += row[r] * column[c];
  }
}

// Calls `each(r, c)` for the places of a tile at (row, column) that lie in the matrix.
template <int Rows, int Columns, class Each>
EMC_INLINE void within(int row, int rows, int column, int columns, Each each) {
  EMC_UNROLL for (int r = 0; r < Rows; ++r)
    EMC_UNROLL for (int c = 0; c < Columns; ++c)
      if (row + r < rows && column + c < columns) each(r, c);
}

EMC_INLINE int inside(int place, int count) { return place < count ? place : count - 1; }

// Parameters are [inputs + 1, stride], the last row the bias; activations [rows, stride].
template <int Inputs, int Outputs, class Activation, bool Bias>
struct BlockDense {
  using Slope = Activation;
  static constexpr int inputs = Inputs, outputs = Outputs;
  static constexpr int stride = odd(Outputs), size = (Inputs + 1) * stride;
  // Numbers of a sample: the outputs, and the slopes where they are no function of these.
  static constexpr int kept = (Activation::from_output ? 1 : 2) * stride;
  static constexpr int plain_size = (Inputs + Bias) * Outputs;

  // Calls visit(place, number) for each parameter; `number` counts in torch's order.
  template <class Visit>
  static void each(const Block& block, Visit visit) {
    block.each(plain_size, [&](int i) {
      const bool bias = i >= Inputs * Outputs;
      const int output = bias ? i - Inputs * Outputs : i / Inputs;
      visit((bias ? Inputs : i % Inputs) * stride + output, i);
    });
  }

  static void forward(const Block& block, int rows, const float* x, const float* weights,
                      float* y, float* slopes) {
    constexpr int high = 4, wide = Outputs >= 32 ? 4 : 2;
    each_tile<high, wide>(block, rows, Outputs, [&](int row, int column) {
      float sums[high][wide] = {};
      EMC_UNROLL for (int c = 0; c < wide; ++c) {
        const float bias = weights[Inputs * stride + inside(column + c, Outputs)];
        EMC_UNROLL for (int r = 0; r < high; ++r) sums[r][c] = bias;
      }
      add_products(
          Inputs, [&](int r, int k) { return x[inside(row + r, rows) * odd(Inputs) + k]; },
          [&](int k, int c) { return weights[k * stride + inside(column + c, Outputs)]; }, sums);
      within<high, wide>(row, rows, column, Outputs, [&](int r, int c) {
        const int place = (row + r) * stride + column + c;
        if constexpr (!Activation::from_output) slopes[place] = Activation::slope(sums[r][c]);
        y[place] = Activation::value(sums[r][c]);
      });
    });
  }

  // Sets the gradient, or adds to it, from `delta`, that of the values before the activation.
  static void add_gradient(const Block& block, int rows, const float* x, const float* delta,
                           float* gradient, bool first) {
    constexpr int high = (Inputs + 1) * Outputs >= 4096 ? 4 : 2, wide = high;
    constexpr int used = Inputs + Bias;
    each_tile<high, wide>(block, used, Outputs, [&](int input, int column) {
      float sums[high][wide] = {};
      add_products(
          rows,
          [&](int r, int row) {
            return input + r < Inputs ? x[row * odd(Inputs) + input + r] : 1.0f;
          },
          [&](int row, int c) { return delta[row * stride + inside(column + c, Outputs)]; },
          sums);
      within<high, wide>(input, used, column, Outputs, [&](int r, int c) {
        float& total = gradient[(input + r) * stride + column + c];
        total = first ? sums[r][c] : total + sums[r][c];
      });
    });
  }

  // The delta of the layer before, in place of its outputs.
  template <class Before>
  static void input_delta(const Block& block, int rows, float* x, const float* slopes,
                          const float* weights, const float* delta) {
    constexpr int high = 4, wide = Inputs >= 32 ? 4 : 2;
    each_tile<high, wide>(block, rows, Inputs, [&](int row, int column) {
      float sums[high][wide] = {};
      add_products(
          Outputs, [&](int r, int o) { return delta[inside(row + r, rows) * stride + o]; },
          [&](int o, int c) { return weights[inside(column + c, Inputs) * stride + o]; }, sums);
      within<high, wide>(row, rows, column, Inputs, [&](int r, int c) {
        const int place = (row + r) * odd(Inputs) + column + c;
        if constexpr (Before::from_output) x[place] = sums[r][c] * Before::slope(x[place]);
        else x[place] = sums[r][c] * slopes[place];
      });
    });
  }
};

// The activation before the first layer: there is none, and no delta of it is wanted.
struct NoSlope {};

template <class Type, class Other>
constexpr bool is_same = false;
template <class Type>
constexpr bool is_same<Type, Type> = true;

// A net for up to Rows samples at a time; `memory` holds what is kept of them, layer by layer.
template <int Rows, class... Layers>
struct BlockStack {
  static constexpr int size = 0, kept = 0, plain_size = 0;

  template <class Visit>
  static void each(const Block&, Visit) {}
  static void forward(const Block&, int, const float*, const float*, float*) {}
  template <class Before>
  static void backward(const Block&, int, float*, const float*, const float*, float*, float*,
                       bool) {}
};

template <int Rows, class Layer, class... Rest>
struct BlockStack<Rows, Layer, Rest...> {
  using Next = BlockStack<Rows, Rest...>;
  static constexpr int inputs = Layer::inputs;
  static constexpr int size = Layer::size + Next::size, kept = Layer::kept + Next::kept;
  static constexpr int plain_size = Layer::plain_size + Next::plain_size;
  static constexpr int rest = Rows * Layer::kept, slopes = Rows * Layer::stride;

  template <class Visit>
  static void each(const Block& block, Visit visit) {
    Layer::each(block, visit);
    Next::each(block, [&](int place, int number) {
      visit(Layer::size + place, Layer::plain_size + number);
    });
  }

  static void forward(const Block& block, int rows, const float* x, const float* weights,
                      float* memory) {
    Layer::forward(block, rows, x, weights, memory, memory + slopes);
    Next::forward(block, rows, memory, weights + Layer::size, memory + rest);
  }

  // From the delta of the logits, in their place, to the gradient.
  template <class Before>
  static void backward(const Block& block, int rows, float* x, const float* x_slopes,
                       const float* weights, float* gradient, float* memory, bool first) {
    Next::template backward<typename Layer::Slope>(block, rows, memory, memory + slopes,
                                                   weights + Layer::size, gradient + Layer::size,
                                                   memory + rest, first);
    Layer::add_gradient(block, rows, x, memory, gradient, first);
    if constexpr (!is_same<Before, NoSlope>)
      Layer::template input_delta<Before>(block, rows, x, x_slopes, weights, memory);
  }

  static float* logits(float* memory) {
    if constexpr (sizeof...(Rest) == 0) return memory;
    else return Next::logits(memory + rest);
  }
};

}  // namespace emc
