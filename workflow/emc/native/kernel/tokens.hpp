// The parts of a transformer over tokens, sizes known at run time. Rows are features, and a row
// holds a number for every token of every group of samples.
#pragma once

#include <cmath>
#include <vector>

#include "linear.hpp"
#include "number_matrix.hpp"

namespace emc {

// Some positions of rows: `count` of them, `step` apart.
struct Positions {
  int count, step;
};

// y = W x + b with the weights [outputs, inputs] at `first` among the parameters, the bias behind.
struct Affine {
  int64_t first;
  int inputs, outputs;

  int64_t weights() const { return int64_t(inputs) * outputs; }
  int64_t size() const { return weights() + outputs; }
};

// Offsets of rows that lie `stride` apart.
inline std::vector<int> row_offsets(int rows, int stride) {
  std::vector<int> offsets;
  for (int row = 0; row < rows; ++row) offsets.push_back(row * stride);
  return offsets;
}

// An affine map of rows of at most `stride` numbers.
template <class Number>
class AffineRows {
 public:
  AffineRows(Affine affine, int from_stride, int to_stride)
      : affine_(affine),
        from_stride_(from_stride),
        to_stride_(to_stride),
        offsets_(row_offsets(affine.inputs, from_stride)),
        back_offsets_(row_offsets(affine.outputs, to_stride)) {}

  template <class Input>
  void forward(const Walk& walk, const Input* from, Weights<Number> weights, Number* to) const {
    const Weights<Number> own = weights.from(affine_.first);
    multiply(walk, from, offsets_.data(), affine_.inputs, own, true, own.from(affine_.weights()),
             affine_.outputs, to, to_stride_);
  }

  // The gradient by the inputs; `turned` are the weights turned around.
  void back(const Walk& walk, const Number* delta, Weights<Number> turned, Number* to) const {
    const Walk backward{walk.outer, walk.inner, walk.length, walk.to_outer, walk.to_inner,
                        walk.from_outer, walk.from_inner};
    const Weights<Number> own = turned.from(affine_.first);
    multiply(backward, delta, back_offsets_.data(), affine_.outputs, own, false, own,
             affine_.inputs, to, from_stride_);
  }

  template <class Input>
  void add_to_gradient(const Walk& walk, const Input* from, const Number* delta,
                       double* gradient) const {
    double* own = gradient + affine_.first;
    add_gradient(walk, delta, to_stride_, affine_.outputs, from, offsets_.data(), affine_.inputs,
                 own);
    add_bias_gradient(walk, delta, to_stride_, affine_.outputs, own + affine_.weights());
  }

 private:
  const Affine affine_;
  const int from_stride_, to_stride_;
  const std::vector<int> offsets_, back_offsets_;
};

// Layer normalisation (Ba, Kiros and Hinton 2016) over `width` rows, at every position; gains and
// shifts lie at `first` among the parameters.
template <class Number>
class NormRows {
 public:
  // `from_stride` is that of the rows it reads, `stride` that of those it keeps side by side.
  NormRows(int64_t first, int width, int from_stride, int stride)
      : output(width * stride),
        first_(first),
        width_(width),
        from_stride_(from_stride),
        stride_(stride),
        normalised_(width * stride),
        inverse_(stride) {}

  void forward(const Number* from, Positions at, Weights<Number> weights) {
    const Weights<Number> gains = weights.from(first_), shifts = gains.from(width_);
    for (int p = 0; p < at.count; ++p) {
      const Number* column = from + p * at.step;
      Number mean{}, squares{};
      for (int c = 0; c < width_; ++c) mean += column[c * from_stride_];
      mean = mean * (Real(1) / width_);
      for (int c = 0; c < width_; ++c) {
        const Number centred = column[c * from_stride_] - mean;
        squares += centred * centred;
      }
      const Number inverse = inverse_root(squares * (Real(1) / width_), epsilon);
      inverse_[p] = inverse;
      for (int c = 0; c < width_; ++c) {
        const Number value = (column[c * from_stride_] - mean) * inverse;
        normalised_[c * stride_ + p] = value;
        output[c * stride_ + p] = value * gains[c] + shifts[c];
      }
    }
  }

  // Adds to the gradient, and the gradient by the rows that were read to `to`; `delta` is that by
  // the output.
  void backward(const Number* delta, Positions at, Weights<Number> weights, double* gradient,
                Number* to) const {
    add_to_gradient(delta, at, gradient + first_);
    const Weights<Number> gains = weights.from(first_);
    for (int p = 0; p < at.count; ++p) {
      Number mean{}, along{};
      for (int c = 0; c < width_; ++c) {
        const Number slope = delta[c * stride_ + p] * gains[c];
        mean += slope;
        along += slope * normalised_[c * stride_ + p];
      }
      mean = mean * (Real(1) / width_);
      along = along * (Real(1) / width_);
      for (int c = 0; c < width_; ++c) {
        const Number slope = delta[c * stride_ + p] * gains[c];
        to[c * from_stride_ + p * at.step] +=
            (slope - mean - normalised_[c * stride_ + p] * along) * inverse_[p];
      }
    }
  }

  std::vector<Number> output;

 private:
  static constexpr Real epsilon = 1e-6;

  void add_to_gradient(const Number* delta, Positions at, double* gradient) const {
    for (int c = 0; c < width_; ++c) {
      Floats gain{}, shift{};
      for (int p = 0; p < at.count; ++p) {
        gain += wanted_product(delta[c * stride_ + p], normalised_[c * stride_ + p]);
        shift += wanted(delta[c * stride_ + p]);
      }
      gradient[c] += sum(gain);
      gradient[width_ + c] += sum(shift);
    }
  }

  const int64_t first_;
  const int width_, from_stride_, stride_;
  std::vector<Number> normalised_, inverse_;
};

// Multi-head attention without its affine maps. Its rows are queries, then keys, then values, of
// `width` features each.
template <class Number>
class Attention {
 public:
  Attention(int width, int heads, int tokens, int groups)
      : width_(width),
        heads_(heads),
        tokens_(tokens),
        stride_(groups * tokens),
        weights_(groups * heads * tokens * tokens),
        slopes_(tokens * tokens) {}

  void forward(Number* rows, int groups, Number* attended) {
    each_head(groups, [&](int place, NumberMatrix<Number> weights) {
      Number *queries = rows + place, *keys = queries + third(), *values = keys + third();
      multiply_numbers(tokens_, head(), tokens_, by_token(queries), by_feature(keys), scale(),
                       weights);
      for (int i = 0; i < tokens_; ++i) softmax(&weights.at(i, 0));
      multiply_numbers(tokens_, tokens_, head(), weights, by_token(values), Real(1),
                       by_token(attended + place));
    });
  }

  // From the gradient by the attended tokens to that by the rows.
  void backward(Number* rows, Number* attended_delta, int groups, Number* rows_delta) {
    each_head(groups, [&](int place, NumberMatrix<Number> weights) {
      Number *queries = rows + place, *keys = queries + third(), *values = keys + third();
      Number* delta = rows_delta + place;
      const NumberMatrix<Number> attended = by_token(attended_delta + place);
      const NumberMatrix<Number> slopes{slopes_.data(), tokens_, 1};
      multiply_numbers(tokens_, tokens_, head(), weights.transposed(), attended, Real(1),
                       by_token(delta + 2 * third()));
      multiply_numbers(tokens_, head(), tokens_, attended, by_feature(values), Real(1), slopes);
      for (int i = 0; i < tokens_; ++i) softmax_back(&weights.at(i, 0), &slopes.at(i, 0));
      multiply_numbers(tokens_, tokens_, head(), slopes, by_token(keys), scale(),
                       by_token(delta));
      multiply_numbers(tokens_, tokens_, head(), slopes.transposed(), by_token(queries), scale(),
                       by_token(delta + third()));
    });
  }

 private:
  int head() const { return width_ / heads_; }
  int third() const { return width_ * stride_; }
  Real scale() const { return 1 / std::sqrt(Real(head())); }

  NumberMatrix<Number> by_token(Number* first) const { return {first, 1, stride_}; }
  NumberMatrix<Number> by_feature(Number* first) const { return {first, stride_, 1}; }

  template <class Visit>
  void each_head(int groups, Visit visit) {
    for (int g = 0; g < groups; ++g) {
      for (int h = 0; h < heads_; ++h) {
        Number* weights = weights_.data() + (g * heads_ + h) * tokens_ * tokens_;
        visit(h * head() * stride_ + g * tokens_, NumberMatrix<Number>{weights, tokens_, 1});
      }
    }
  }

  void softmax(Number* scores) const {
    Floats largest = value(scores[0]);
    for (int j = 1; j < tokens_; ++j) {
      const Floats score = value(scores[j]);
      largest = score > largest ? score : largest;
    }
    Number total{};
    for (int j = 0; j < tokens_; ++j) {
      scores[j] = exponential_of(scores[j] - largest);
      total += scores[j];
    }
    const Number normaliser = reciprocal(total);
    for (int j = 0; j < tokens_; ++j) scores[j] = scores[j] * normaliser;
  }

  void softmax_back(const Number* weights, Number* slopes) const {
    Number mean{};
    for (int j = 0; j < tokens_; ++j) mean += weights[j] * slopes[j];
    for (int j = 0; j < tokens_; ++j) slopes[j] = weights[j] * (slopes[j] - mean);
  }

  const int width_, heads_, tokens_, stride_;
  std::vector<Number> weights_, slopes_;
};

}  // namespace emc
