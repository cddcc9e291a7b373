// Multi-head attention computed by a block, without its dense layers: `attention.hpp` for the
// threads of a card. An item is what one token of a sample has in one head.
#pragma once

#include "block_dense.hpp"

namespace emc {

// Attention of the first `Queries` of `Tokens` tokens. Token t of sample s is row t * samples + s
// of every matrix; keys lie before values in one row.
template <int Tokens, int Queries, int Width, int Heads>
class BlockAttention {
  static constexpr int head = Width / Heads;  // numbers of a token in each head
  static constexpr int pitch = odd(Width), joint_pitch = odd(2 * Width);
  static constexpr int weight_pitch = odd(Tokens);

 public:
  static constexpr int weights_size = Heads * Queries * weight_pitch;  // of a sample

  // What is kept of the samples: on the way back the deltas of keys and values take their places,
  // that of the queries the place of what was attended to.
  struct Kept {
    float *queries, *keys_values, *weights, *attended;
  };

  static void forward(const Block& block, int samples, const Kept& kept) {
    block.each(Heads * Queries * samples, [&](int item) {
      const Place at(item, Queries, samples);
      float* const weights = kept.weights + item * weight_pitch;
      each_product(head, Tokens, OfToken{at.of_query(kept.queries)}, at.keys(kept).turned(),
                   [&](int j, float sum) { weights[j] = sum * scale(); });
      softmax(weights);
      float* const attended = at.of_query(kept.attended);
      each_product(Tokens, head, OfToken{weights}, at.values(kept),
                   [&](int d, float sum) { attended[d] = sum; });
    });
  }

  // From the gradient by what was attended to, in its place; `values_delta` has room for that of
  // the values.
  static void backward(const Block& block, int samples, const Kept& kept, float* values_delta) {
    block.each(Heads * Tokens * samples, [&](int item) {
      const Place at(item, Tokens, samples);
      float* const to = at.of_query(values_delta);
      each_product(Queries, head, at.weights_of_token(kept), at.queries(kept.attended),
                   [&](int d, float sum) { to[d] = sum; });
    });
    block.each(Heads * Queries * samples, [&](int item) {
      const Place at(item, Queries, samples);
      float* const delta = at.of_query(kept.attended);
      float* const weights = kept.weights + item * weight_pitch;
      softmax_back(weights, OfToken{delta}, at.values(kept).turned());
      each_product(Tokens, head, OfToken{weights}, at.keys(kept),
                   [&](int d, float sum) { delta[d] = sum; });
    });
    block.each(Heads * Tokens * samples, [&](int item) {
      const Place at(item, Tokens, samples);
      float* const key = at.key(kept);
      const float* const value = at.of_query(values_delta);
      each_product(Queries, head, at.weights_of_token(kept), at.queries(kept.queries),
                   [&](int d, float sum) { key[d] = sum, key[Width + d] = value[d]; });
    });
  }

 private:
  // The numbers of a token in a head.
  struct OfToken {
    const float* first;
    EMC_INLINE float operator()(int, int k) const { return first[k]; }
  };

  // A number of each token, or of a token each number.
  struct Matrix {
    const float* first;
    int row_stride, column_stride;

    EMC_INLINE float operator()(int row, int column) const {
      return first[row * row_stride + column * column_stride];
    }
    EMC_INLINE Matrix turned() const { return {first, column_stride, row_stride}; }
  };

  // How the weights of all queries to one token lie.
  struct WeightsOfToken {
    const float* first;
    int stride;
    EMC_INLINE float operator()(int, int i) const { return first[i * stride]; }
  };

  // Which token of which sample, and where its head's numbers begin.
  struct Place {
    int samples, sample, token, h;

    EMC_INLINE Place(int item, int tokens, int samples)
        : samples(samples), sample(item % samples), token(item / samples % tokens),
          h(item / samples / tokens) {}

    EMC_INLINE float* of_query(float* matrix) const {
      return matrix + (token * samples + sample) * pitch + h * head;
    }
    EMC_INLINE float* key(const Kept& kept) const {
      return kept.keys_values + (token * samples + sample) * joint_pitch + h * head;
    }
    EMC_INLINE Matrix queries(const float* matrix) const {
      return {matrix + sample * pitch + h * head, samples * pitch, 1};
    }
    EMC_INLINE Matrix keys(const Kept& kept) const {
      return {kept.keys_values + sample * joint_pitch + h * head, samples * joint_pitch, 1};
    }
    EMC_INLINE Matrix values(const Kept& kept) const {
      return {keys(kept).first + Width, samples * joint_pitch, 1};
    }
    EMC_INLINE WeightsOfToken weights_of_token(const Kept& kept) const {
      return {kept.weights + (h * Queries * samples + sample) * weight_pitch + token,
              samples * weight_pitch};
    }
  };

  static EMC_INLINE float scale() { return 1.0f / square_root(float(head)); }

  // Calls finish(column, sum) for a row of `depth` numbers times a matrix of `columns`.
  template <class Left, class Right, class Finish>
  static EMC_INLINE void each_product(int depth, int columns, Left left, Right right,
                                      Finish finish) {
    constexpr int wide = 4;
    EMC_ROLLED for (int first = 0; first < columns; first += wide) {
      float sums[1][wide] = {};
      add_products(
          depth, left, [&](int k, int c) { return right(k, inside(first + c, columns)); }, sums);
      EMC_UNROLL for (int c = 0; c < wide; ++c)
        if (first + c < columns) finish(first + c, sums[0][c]);
    }
  }

  static EMC_INLINE void softmax(float* scores) {
    float largest = scores[0], total = 0;
    for (int j = 1; j < Tokens; ++j) largest = scores[j] > largest ? scores[j] : largest;
    for (int j = 0; j < Tokens; ++j) total += scores[j] = exponential(scores[j] - largest);
    const float normaliser = 1.0f / total;
    for (int j = 0; j < Tokens; ++j) scores[j] *= normaliser;
  }

  // From weights to the gradient by the products of query and keys, in their place. That by the
  // weights is made twice rather than kept.
  template <class Right>
  static EMC_INLINE void softmax_back(float* weights, OfToken delta, Right values) {
    float mean = 0;
    each_product(head, Tokens, delta, values,
                 [&](int j, float slope) { mean += weights[j] * slope; });
    each_product(head, Tokens, delta, values, [&](int j, float slope) {
      weights[j] *= (slope - mean) * scale();
    });
  }
};

}  // namespace emc
