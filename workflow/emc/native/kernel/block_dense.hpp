// Dense layers computed by a block: an item is a tile of a product, its sums in registers.
//
// A matrix lies row by row with an odd distance between rows: neighbouring threads that read down a
// column meet no other's memory bank (CUDA C++ Programming Guide, shared memory).
#pragma once

#include "activations.hpp"
#include "block.hpp"

namespace emc {

constexpr int odd(int count) { return count | 1; }

// In how many parts, for as many threads, each of a few sums is made; to add these takes time, too.
constexpr int parts_of(int sums) {
  const int parts = EMC_THREADS / sums;
  return parts < 1 ? 1 : parts < 32 ? parts : 32;
}

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
  EMC_UNROLL_FOUR for (int k = 0; k < depth; ++k) {
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

// What a layer keeps of the samples at hand: its outputs, whose gradient takes their place on the
// way back; the slopes of its activation where they are no function of these; of a maximum where it
// was.
struct KeptRows {
  float *outputs, *slopes;
  unsigned char* places;
};

// The gradient by an output of the layer before becomes that by the value before its activation.
template <class Before>
EMC_INLINE void pass_back(float slope, int place, const KeptRows& before) {
  if constexpr (Before::from_output) slope *= Before::slope(before.outputs[place]);
  else slope *= before.slopes[place];
  before.outputs[place] = slope;
}

// The parameters of units that sum over `Terms`: [Terms + 1, stride], the last row the bias.
template <int Terms, int Outputs, bool Bias>
struct BlockWeights {
  static constexpr int stride = odd(Outputs), bias = Terms * stride, size = bias + stride;
  static constexpr int plain_size = (Terms + Bias) * Outputs;

  // Calls visit(place, number) for each parameter; `number` counts in torch's order.
  template <class Visit>
  static void each(const Block& block, Visit visit) {
    block.each(plain_size, [&](int i) {
      const bool is_bias = i >= Terms * Outputs;
      const int output = is_bias ? i - Terms * Outputs : i / Terms;
      visit((is_bias ? Terms : i % Terms) * stride + output, i);
    });
  }
};

// A matrix of rows of `Width` numbers.
template <int Width>
struct RowsOf {
  const float* first;

  EMC_INLINE float operator()(int row, int k) const { return first[row * odd(Width) + k]; }
};

// Activations are [rows, pitch].
template <int Inputs, int Outputs, class Activation, bool Bias>
struct BlockDense : BlockWeights<Inputs, Outputs, Bias> {
  using Slope = Activation;
  using Weights = BlockWeights<Inputs, Outputs, Bias>;
  static constexpr int inputs = Inputs, stride = Weights::stride, pitch = stride;
  static constexpr int places = 0;   // bytes of a sample
  static constexpr int scratch = 0;  // numbers of four bytes for parts of sums

  static void forward(const Block& block, int rows, const float* x, const float* weights,
                      const KeptRows& kept, float*) {
    multiply(block, rows, RowsOf<Inputs>{x}, weights, [&](int row, int column, float sum) {
      activate(sum, row * pitch + column, kept);
    });
  }

  // Sets the gradient, or adds to it, from that of the values before the activation.
  static void add_gradient(const Block& block, int rows, const float* x, const KeptRows& kept,
                           float* gradient, bool first, float*) {
    add_gradient_of(block, rows, RowsOf<Inputs>{x}, kept.outputs, gradient, first);
  }

  // The delta of the layer before, in place of its outputs.
  template <class Before>
  static void input_delta(const Block& block, int rows, const KeptRows& before,
                          const float* weights, const KeptRows& kept) {
    multiply_back(block, rows, kept.outputs, weights, [&](int row, int column, float sum) {
      pass_back<Before>(sum, row * odd(Inputs) + column, before);
    });
  }

  // Calls finish(row, column, sum) for the values before the activation; x(row, k) is an input.
  template <class X, class Finish>
  static void multiply(const Block& block, int rows, X x, const float* weights, Finish finish) {
    constexpr int high = 4, wide = Outputs >= 32 ? 4 : 2;
    each_tile<high, wide>(block, rows, Outputs, [&](int row, int column) {
      float sums[high][wide] = {};
      EMC_UNROLL for (int c = 0; c < wide; ++c) {
        const float bias = weights[Weights::bias + inside(column + c, Outputs)];
        EMC_UNROLL for (int r = 0; r < high; ++r) sums[r][c] = bias;
      }
      add_products(
          Inputs, [&](int r, int k) { return x(inside(row + r, rows), k); },
          [&](int k, int c) { return weights[k * stride + inside(column + c, Outputs)]; }, sums);
      within<high, wide>(row, rows, column, Outputs, [&](int r, int c) {
        finish(row + r, column + c, sums[r][c]);
      });
    });
  }

  // Sets the gradient, or adds to it, from that of the values before the activation.
  template <class X>
  static void add_gradient_of(const Block& block, int rows, X x, const float* delta,
                              float* gradient, bool first) {
    constexpr int high = (Inputs + 1) * Outputs >= 4096 ? 4 : 2, wide = high;
    constexpr int used = Inputs + Bias;
    each_tile<high, wide>(block, used, Outputs, [&](int input, int column) {
      float sums[high][wide] = {};
      add_products(
          rows,
          [&](int r, int row) { return input + r < Inputs ? x(row, input + r) : 1.0f; },
          [&](int row, int c) { return delta[row * stride + inside(column + c, Outputs)]; },
          sums);
      within<high, wide>(input, used, column, Outputs, [&](int r, int c) {
        float& total = gradient[(input + r) * stride + column + c];
        total = first ? sums[r][c] : total + sums[r][c];
      });
    });
  }

  // Calls finish(row, column, sum) for the gradient by the inputs.
  template <class Finish>
  static void multiply_back(const Block& block, int rows, const float* delta,
                            const float* weights, Finish finish) {
    constexpr int high = 4, wide = Inputs >= 32 ? 4 : 2;
    each_tile<high, wide>(block, rows, Inputs, [&](int row, int column) {
      float sums[high][wide] = {};
      add_products(
          Outputs, [&](int r, int o) { return delta[inside(row + r, rows) * stride + o]; },
          [&](int o, int c) { return weights[inside(column + c, Inputs) * stride + o]; }, sums);
      within<high, wide>(row, rows, column, Inputs, [&](int r, int c) {
        finish(row + r, column + c, sums[r][c]);
      });
    });
  }

  static EMC_INLINE void activate(float sum, int place, const KeptRows& kept) {
    if constexpr (!Activation::from_output) kept.slopes[place] = Activation::slope(sum);
    kept.outputs[place] = Activation::value(sum);
  }
};

// A dense layer for few rows: each output is summed up in parts, so that all threads have work.
template <int Rows, int Inputs, int Outputs, class Activation, bool Bias>
struct SplitDense : BlockDense<Inputs, Outputs, Activation, Bias> {
  using Whole = BlockDense<Inputs, Outputs, Activation, Bias>;
  static constexpr int sums = Rows * Outputs;
  static constexpr int parts = parts_of(sums), scratch = parts * sums;

  static void forward(const Block& block, int rows, const float* x, const float* weights,
                      const KeptRows& kept, float* partial) {
    block.each(rows * Outputs * parts, [&](int item) {
      const int part = item % parts, output = item / parts % Outputs, row = item / parts / Outputs;
      float sum = 0;
      for (int k = part; k < Inputs; k += parts)
        sum += x[row * odd(Inputs) + k] * weights[k * Whole::stride + output];
      partial[item] = sum;
    });
    block.each(rows * Outputs, [&](int i) {
      const int output = i % Outputs;
      float sum = weights[Whole::bias + output];
      for (int part = 0; part < parts; ++part) sum += partial[i * parts + part];
      Whole::activate(sum, i / Outputs * Whole::pitch + output, kept);
    });
  }
};

}  // namespace emc
