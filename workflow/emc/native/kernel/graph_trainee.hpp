// A graph behind the interface of nets that a trainer takes.
#pragma once

#include <algorithm>
#include <vector>

#include "chunk.hpp"
#include "graph.hpp"
#include "task.hpp"

namespace emc {

// Room for samples with their labels, as many as is known at run time only.
class RowVectors {
 public:
  explicit RowVectors(int64_t rows)
      : all_(rows), all_labels_(rows), samples(all_.data()), labels(all_labels_.data()) {}
  RowVectors(const RowVectors&) = delete;

 private:
  std::vector<const float*> all_;
  std::vector<int32_t> all_labels_;

 public:
  const float** const samples;
  int32_t* const labels;
};

// For all graphs of at most `Size` parameters, a multiple of `lanes`, and exactly `Classes` classes.
// `Rows` samples at a time where these are independent of one another, else all of a batch.
template <int Size, int Classes, int Rows>
class GraphTrainee {
  static constexpr int columns = round_up(Classes, lanes);
  static constexpr int64_t few = round_up(Rows, lanes);

 public:
  using Samples = SomeSamples<RowVectors>;
  static constexpr int size = Size;

  // The task's arrays must outlive it.
  explicit GraphTrainee(const Task& task)
      : inputs(GraphShape(task.graph).inputs),
        shape_(task.graph),
        batch_rows_(shape_.has_batch_norms() ? round_up<int64_t>(largest_batch(task), lanes) : few),
        evaluated_rows_(shape_.mixes_always() ? round_up<int64_t>(task.n, lanes) : few),
        net_(shape_, int(most_rows() / lanes)),
        matrices_(shape_.matrices()),
        turned_(shape_.parameters),
        sums_(shape_.parameters),
        logits_(most_rows() * columns),
        delta_(most_rows() * columns) {}

  const int64_t inputs;

  int64_t most_rows() const { return std::max(batch_rows_, evaluated_rows_); }

  // How many samples it takes at a time now, and at least in evaluation, where `wanted` would do.
  int64_t rows_at_once() const { return training_ ? batch_rows_ : evaluated_rows_; }
  int64_t rows_to_look_at(int64_t wanted) const {
    return shape_.mixes_always() ? evaluated_rows_ : std::min(wanted, few);
  }

  // In training, samples taken at a time are a batch, and running statistics move.
  void set_training(bool training) { training_ = training; }

  // Parameters, then running statistics.
  void read(const float* plain, float* parameters) {
    std::copy_n(plain, shape_.parameters, parameters);
    std::copy_n(plain + shape_.parameters, shape_.statistics, net_.batch.running.data());
  }

  void write(const float* parameters, float* plain) const {
    std::copy_n(parameters, shape_.parameters, plain);
    std::copy_n(net_.batch.running.data(), shape_.statistics, plain + shape_.parameters);
  }

  // Shows an archive all that changes from step to step beside the parameters.
  template <class Archive>
  void visit(Archive&& archive) {
    net_.batch.visit(archive);
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
    net_.batch.begin(training_, chunk.count, used);
    net_.forward(used, {parameters});
    for (int g = 0; g < used; ++g) {
      for (int c = 0; c < Classes; ++c)
        store(column_ + c * lanes, net_.values[(shape_.logits + c) * used + g]);
      lanes_to_rows<Classes>(column_, logits_.data() + g * lanes * columns);
    }
    return logits_.data();
  }

  float* logits_delta() { return delta_.data(); }

  void backward(const Samples& chunk, float* gradient) {
    const int used = chunk.rows / lanes;
    net_.clear_deltas(used);
    for (int g = 0; g < used; ++g) {
      rows_to_lanes<Classes>(delta_.data() + g * lanes * columns, column_);
      for (int c = 0; c < Classes; ++c)
        net_.deltas[(shape_.logits + c) * used + g] = load(column_ + c * lanes);
    }
    std::fill(sums_.begin(), sums_.end(), 0.0);
    net_.backward(used, {parameters_}, {turned_.data()}, sums_.data());
    for (int i = 0; i < shape_.parameters; ++i) gradient[i] += float(sums_[i]);
  }

 private:
  static int64_t largest_batch(const Task& task) {
    return task.order == Cursor::full ? task.n : std::min(task.n, task.batch);
  }

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
  const int64_t batch_rows_, evaluated_rows_;
  bool training_ = false;
  GraphNet<Floats> net_;
  const std::vector<Matrix> matrices_;
  const float* parameters_ = nullptr;
  std::vector<float> turned_;
  std::vector<double> sums_;
  alignas(64) float column_[columns * lanes];
  std::vector<float> logits_, delta_;
};

}  // namespace emc
