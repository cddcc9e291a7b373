// A graph behind the interface of nets that a trainer takes.
#pragma once

#include <algorithm>

#include "chunk.hpp"
#include "graph.hpp"

namespace emc {

// For all graphs of at most `Size` parameters, a multiple of `lanes`, and exactly `Classes` classes;
// `Rows` samples at a time.
template <int Size, int Classes, int Rows>
class GraphTrainee {
  static constexpr int groups = ceil_div(Rows, lanes), columns = round_up(Classes, lanes);

 public:
  using Samples = Chunk<groups * lanes>;
  static constexpr int size = Size;

  // The table must outlive it.
  explicit GraphTrainee(const int64_t* table)
      : inputs(GraphShape(table).inputs),
        shape_(table),
        net_(shape_, groups),
        matrices_(shape_.matrices()),
        turned_(shape_.parameters),
        sums_(shape_.parameters) {}

  const int64_t inputs;

  void read(const float* plain, float* parameters) const {
    std::copy_n(plain, shape_.parameters, parameters);
  }

  void write(const float* parameters, float* plain) const {
    std::copy_n(parameters, shape_.parameters, plain);
  }

  void prepare_forward(const float*) {}

  void prepare_backward(const float* parameters) {
    parameters_ = parameters;
    for (const Matrix& matrix : matrices_)
      for (int64_t o = 0; o < matrix.outputs; ++o)
        for (int64_t k = 0; k < matrix.inputs; ++k)
          turned_[matrix.first + k * matrix.outputs + o] =
              parameters[matrix.first + o * matrix.inputs + k];
  }

  const float* forward(const Samples& chunk, const float* parameters) {
    const int used = chunk.rows / lanes;
    for (int g = 0; g < used; ++g) read_group(chunk.samples + g * lanes, g, used);
    net_.forward(used, {parameters});
    for (int g = 0; g < used; ++g) {
      for (int c = 0; c < Classes; ++c)
        store(column_ + c * lanes, net_.values[(shape_.logits + c) * used + g]);
      lanes_to_rows<Classes>(column_, logits_ + g * lanes * columns);
    }
    return logits_;
  }

  float* logits_delta() { return delta_; }

  void backward(const Samples& chunk, float* gradient) {
    const int used = chunk.rows / lanes;
    net_.clear_deltas(used);
    for (int g = 0; g < used; ++g) {
      rows_to_lanes<Classes>(delta_ + g * lanes * columns, column_);
      for (int c = 0; c < Classes; ++c)
        net_.deltas[(shape_.logits + c) * used + g] = load(column_ + c * lanes);
    }
    std::fill(sums_.begin(), sums_.end(), 0.0);
    net_.backward(used, {parameters_}, {turned_.data()}, sums_.data());
    for (int i = 0; i < shape_.parameters; ++i) gradient[i] += float(sums_[i]);
  }

 private:
  // The samples of a group, one vector per number.
  void read_group(const float* const* samples, int g, int used) {
    const int64_t whole = inputs - inputs % lanes;
    for (int64_t i = 0; i < whole; i += lanes) {
      Floats square[lanes];
      EMC_UNROLL for (int s = 0; s < lanes; ++s) square[s] = load(samples[s] + i);
      transpose(square);
      for (int k = 0; k < lanes; ++k) net_.values[(i + k) * used + g] = square[k];
    }
    for (int64_t i = whole; i < inputs; ++i)
      for (int s = 0; s < lanes; ++s) net_.values[i * used + g][s] = samples[s][i];
  }

  const GraphShape shape_;
  GraphNet<Floats> net_;
  const std::vector<Matrix> matrices_;
  const float* parameters_ = nullptr;
  std::vector<float> turned_;
  std::vector<double> sums_;
  alignas(64) float column_[columns * lanes];
  alignas(64) float logits_[groups * lanes * columns];
  alignas(64) float delta_[groups * lanes * columns];
};

}  // namespace emc
