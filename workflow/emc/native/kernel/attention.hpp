// Multi-head attention without its dense layers. Every vector holds one number of `lanes` samples,
// so that nothing is wasted whatever the sizes are and no sum runs across a vector.
#pragma once

#include <cmath>

#include "functions.hpp"
#include "matrix.hpp"

namespace emc {

constexpr int attention_tile = registers == 32 ? 4 : 3;  // sums a side held in registers

// A matrix of vectors in memory; strides in vectors.
template <int RowStride, int ColumnStride>
struct VectorMatrix {
  const float* first;

  EMC_INLINE Floats operator()(int row, int column) const {
    return load(first + (row * RowStride + column * ColumnStride) * lanes);
  }

  EMC_INLINE VectorMatrix<ColumnStride, RowStride> transposed() const { return {first}; }
};

// left [Rows, Depth] times right [Depth, Columns], matrices of vectors; each element of the product
// goes to finish(row, column, vector).
template <int Rows, int Depth, int Columns, class Left, class Right, class Finish>
inline void multiply_vectors(Left left, Right right, Finish finish) {
  for_strips<Rows, attention_tile>([&](auto height, int row) {
    for_strips<Columns, attention_tile>([&](auto width, int column) {
      Tile<height, width> tile;
      tile.fill([](int) { return Floats{}; });
      for (int k = 0; k < Depth; ++k)
        tile.add_outer([&](int i) { return left(row + i, k); },
                       [&](int v) { return right(k, column + v); });
      tile.each([&](int i, int v, Floats sum) { finish(row + i, column + v, sum); });
    });
  });
}

// Attention of the first `Queries` of `Tokens` tokens, for up to `Samples` samples. Outside, token
// t of sample s is row t * samples + s of a matrix padded to whole vectors; keys lie before values
// in one row.
template <int Samples, int Tokens, int Queries, int Width, int Heads>
class Attention {
  static constexpr int head = Width / Heads;  // numbers of a token in each head
  static constexpr int groups = Samples / lanes;

 public:
  static constexpr int columns = round_up(Width, lanes);
  static constexpr int joint_columns = round_up(2 * Width, lanes);

  void forward(const float* queries, const float* keys_values, int samples, float* attended) {
    for (int s = 0; s < samples; s += lanes) {
      Group& group = groups_[s / lanes];
      to_lanes<Queries, Width>(queries + s * columns, samples, group.queries);
      to_lanes<Tokens, 2 * Width>(keys_values + s * joint_columns, samples, group.keys_values);
      for (int h = 0; h < Heads; ++h) attend(group, h);
      from_lanes<Queries, Width>(token_, samples, attended + s * columns);
    }
  }

  // From the gradient by the attended tokens to those by queries, keys and values.
  void backward(const float* attended_delta, int samples, float* queries_delta,
                float* keys_values_delta) {
    for (int s = 0; s < samples; s += lanes) {
      to_lanes<Queries, Width>(attended_delta + s * columns, samples, token_);
      for (int h = 0; h < Heads; ++h) attend_back(groups_[s / lanes], h);
      from_lanes<Queries, Width>(queries_delta_, samples, queries_delta + s * columns);
      from_lanes<Tokens, 2 * Width>(keys_values_delta_, samples,
                                    keys_values_delta + s * joint_columns);
    }
  }

 private:
  using OfToken = VectorMatrix<Width, 1>;
  using OfBoth = VectorMatrix<2 * Width, 1>;
  using Weights = VectorMatrix<Tokens, 1>;

  // What `lanes` samples keep from forward to backward.
  struct Group {
    alignas(64) float queries[Queries * Width * lanes];
    alignas(64) float keys_values[Tokens * 2 * Width * lanes];
    alignas(64) float weights[Heads * Queries * Tokens * lanes];
  };

  static constexpr int value_offset = Width * lanes;
  static constexpr int weights_of_head = Queries * Tokens * lanes;

  static float scale() { return 1.0f / std::sqrt(float(head)); }

  void attend(Group& group, int h) {
    const int offset = h * head * lanes;
    const OfBoth keys{group.keys_values + offset}, values{keys.first + value_offset};
    float* weights = group.weights + h * weights_of_head;
    multiply_vectors<Queries, head, Tokens>(
        OfToken{group.queries + offset}, keys.transposed(),
        [&](int i, int j, Floats sum) {
          store(weights + (i * Tokens + j) * lanes, sum * scale());
        });
    for (int i = 0; i < Queries; ++i) softmax(weights + i * Tokens * lanes);
    multiply_vectors<Queries, Tokens, head>(
        Weights{weights}, values,
        [&](int i, int d, Floats sum) { store(token_ + offset + (i * Width + d) * lanes, sum); });
  }

  void attend_back(const Group& group, int h) {
    const int offset = h * head * lanes;
    const OfBoth keys{group.keys_values + offset}, values{keys.first + value_offset};
    const OfToken queries{group.queries + offset}, delta{token_ + offset};
    const Weights weights{group.weights + h * weights_of_head}, scores{scores_delta_};
    const auto to_both = [&](float* first) {
      return [=](int j, int d, Floats sum) { store(first + (j * 2 * Width + d) * lanes, sum); };
    };
    multiply_vectors<Tokens, Queries, head>(weights.transposed(), delta,
                                            to_both(keys_values_delta_ + offset + value_offset));
    multiply_vectors<Queries, head, Tokens>(
        delta, values.transposed(), [&](int i, int j, Floats sum) {
          store(scores_delta_ + (i * Tokens + j) * lanes, sum);
        });
    for (int i = 0; i < Queries; ++i)
      softmax_back(weights.first + i * Tokens * lanes, scores_delta_ + i * Tokens * lanes);
    multiply_vectors<Queries, Tokens, head>(scores, keys, [&](int i, int d, Floats sum) {
      store(queries_delta_ + offset + (i * Width + d) * lanes, sum);
    });
    multiply_vectors<Tokens, Queries, head>(scores.transposed(), queries,
                                            to_both(keys_values_delta_ + offset));
  }

  static void softmax(float* scores) {
    Floats largest = load(scores);
    for (int j = 1; j < Tokens; ++j) {
      const Floats score = load(scores + j * lanes);
      largest = score > largest ? score : largest;
    }
    Floats total{};
    for (int j = 0; j < Tokens; ++j) {
      const Floats weight = exponential(load(scores + j * lanes) - largest);
      store(scores + j * lanes, weight);
      total += weight;
    }
    const Floats normaliser = 1.0f / total;
    for (int j = 0; j < Tokens; ++j)
      store(scores + j * lanes, load(scores + j * lanes) * normaliser);
  }

  // From the gradient by the weights to that by the products of queries and keys, in place.
  static void softmax_back(const float* weights, float* delta) {
    Floats mean{};
    for (int j = 0; j < Tokens; ++j) mean += load(weights + j * lanes) * load(delta + j * lanes);
    for (int j = 0; j < Tokens; ++j) {
      const Floats slope = load(delta + j * lanes) - mean;
      store(delta + j * lanes, load(weights + j * lanes) * slope * scale());
    }
  }

  // `Count` tokens of `lanes` samples: from rows to vectors that hold a number of each sample.
  template <int Count, int Numbers>
  static void to_lanes(const float* rows, int samples, float* to) {
    constexpr int stride = round_up(Numbers, lanes);
    for (int t = 0; t < Count; ++t)
      rows_to_lanes<Numbers>(rows + t * samples * stride, to + t * Numbers * lanes);
  }

  template <int Count, int Numbers>
  static void from_lanes(const float* from, int samples, float* rows) {
    constexpr int stride = round_up(Numbers, lanes);
    for (int t = 0; t < Count; ++t)
      lanes_to_rows<Numbers>(from + t * Numbers * lanes, rows + t * samples * stride);
  }

  Group groups_[groups];
  alignas(64) float token_[Queries * Width * lanes];  // attended, or the gradient by it
  alignas(64) float queries_delta_[Queries * Width * lanes];
  alignas(64) float keys_values_delta_[Tokens * 2 * Width * lanes];
  alignas(64) float scores_delta_[Queries * Tokens * lanes];
};

}  // namespace emc
