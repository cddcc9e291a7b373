// Whole nets behind one interface: parameters in, logits out, gradient back.
#pragma once

#include "dense.hpp"
#include "loss.hpp"

namespace emc {

// Whole tiles and whole vectors of samples.
constexpr int row_step = tile_rows > lanes ? tile_rows : lanes;

// Up to `Rows` samples with their labels, padded to whole row steps by repeating the last one.
template <int Rows>
struct Chunk {
  static_assert(Rows % row_step == 0);
  const float* samples[Rows];
  alignas(64) int32_t labels[Rows];
  int count = 0, rows = 0;

  void add(const float* sample, int32_t label) {
    samples[count] = sample;
    labels[count++] = label;
  }

  void pad() {
    rows = round_up(count, row_step);
    for (int row = count; row < rows; ++row) {
      samples[row] = samples[count - 1];
      labels[row] = labels[count - 1];
    }
  }
};

// A net of dense layers alone.
template <class... Layers>
class DenseNet {
  static constexpr int rows = 128;  // a chunk's activations stay in the second-level cache
  using Stack = DenseStack<rows, Layers...>;

 public:
  using Samples = Chunk<rows>;
  static constexpr int size = Stack::size, inputs = Stack::inputs;

  static void read(const float* plain, float* parameters) { Stack::read(plain, parameters); }
  static void write(const float* parameters, float* plain) { Stack::write(parameters, plain); }

  void prepare_forward(const float*) {}
  void prepare_backward(const float* parameters) { stack_.prepare(parameters, false); }

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

}  // namespace emc
