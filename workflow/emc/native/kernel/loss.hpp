// The losses and their gradients by the logits, for as many samples at a time as a vector has
// lanes: one sample per lane.
#pragma once

#include "functions.hpp"

namespace emc {

struct Loss {
  enum Kind : int64_t { cross_entropy, squared_error };
  Kind kind;
  float smoothing;
};

// The logits of `lanes` samples, one vector per class.
template <int Classes>
struct LogitBlock {
  static constexpr int columns = round_up(Classes, lanes);
  Floats logits[columns];

  EMC_INLINE explicit LogitBlock(const float* rows) {
    for (int first = 0; first < columns; first += lanes) {
      Floats square[lanes];
      EMC_UNROLL for (int i = 0; i < lanes; ++i) square[i] = load(rows + i * columns + first);
      transpose(square);
      EMC_UNROLL for (int i = 0; i < lanes; ++i) logits[first + i] = square[i];
    }
  }

  EMC_INLINE void store_rows(float* rows) const {
    for (int first = 0; first < columns; first += lanes) {
      Floats square[lanes];
      EMC_UNROLL for (int i = 0; i < lanes; ++i)
        square[i] = first + i < Classes ? logits[first + i] : Floats{};
      transpose(square);
      EMC_UNROLL for (int i = 0; i < lanes; ++i) store(rows + i * columns + first, square[i]);
    }
  }

  // Lanes whose label is the first of the largest logits, where none is NaN and that is finite.
  EMC_INLINE Ints correct(Ints labels) const {
    Floats largest = logits[0];
    Ints first{}, numbers = logits[0] == logits[0];
    for (int c = 1; c < Classes; ++c) {
      const Ints larger = logits[c] > largest;
      largest = larger ? logits[c] : largest;
      first = larger ? Ints{} + c : first;
      numbers &= logits[c] == logits[c];
    }
    return (first == labels) & numbers & (largest - largest == Floats{});
  }

  // Mean over the classes of (logit - one-hot)^2, and its gradient in place of the logits.
  EMC_INLINE Floats squared_error(Ints labels) {
    Floats total{};
    for (int c = 0; c < Classes; ++c) {
      const Floats error = logits[c] - (labels == c ? broadcast(1.0f) : Floats{});
      total += error * error;
      logits[c] = error * (2.0f / Classes);
    }
    return total * (1.0f / Classes);
  }

  // Cross-entropy with label smoothing as torch defines it: the target is (1 - smoothing) times
  // the one-hot vector plus smoothing / Classes. Its gradient takes the place of the logits.
  EMC_INLINE Floats cross_entropy(Ints labels, float smoothing) {
    Floats largest = logits[0];
    for (int c = 1; c < Classes; ++c) largest = logits[c] > largest ? logits[c] : largest;
    const Floats rest = broadcast(smoothing / Classes), hit = rest + (1.0f - smoothing);
    Floats total{}, expected{};
    for (int c = 0; c < Classes; ++c) {
      const Floats below = logits[c] - largest;
      expected += (labels == c ? hit : rest) * below;
      logits[c] = exponential(below);
      total += logits[c];
    }
    const Floats normaliser = 1.0f / total;
    for (int c = 0; c < Classes; ++c)
      logits[c] = logits[c] * normaliser - (labels == c ? hit : rest);
    return logarithm(total) - expected;
  }

  EMC_INLINE Floats apply(const Loss& loss, Ints labels) {
    return loss.kind == Loss::squared_error ? squared_error(labels)
                                            : cross_entropy(labels, loss.smoothing);
  }
};

// Sum of the losses of the first `count` samples; `labels` is readable up to whole vectors.
template <int Classes>
inline double total_loss(const Loss& loss, const float* logits, const int32_t* labels, int count) {
  double total = 0;
  for (int s = 0; s < count; s += lanes) {
    LogitBlock<Classes> block(logits + s * block.columns);
    const Floats losses = block.apply(loss, load(labels + s));
    total += sum(first_lanes(count - s) ? losses : Floats{});
  }
  return total;
}

// The same sum; `delta` receives its gradient times `scale` for whole vectors of samples up to
// `rows`, zero beyond `count`.
template <int Classes>
inline double loss_gradient(const Loss& loss, const float* logits, const int32_t* labels, int count,
                            int rows, float scale, float* delta) {
  double total = 0;
  for (int s = 0; s < rows; s += lanes) {
    LogitBlock<Classes> block(logits + s * block.columns);
    const Ints live = first_lanes(count - s);
    const Floats losses = block.apply(loss, load(labels + s));
    total += sum(live ? losses : Floats{});
    for (int c = 0; c < Classes; ++c)
      block.logits[c] = live ? block.logits[c] * scale : Floats{};
    block.store_rows(delta + s * block.columns);
  }
  return total;
}

// How many of the first `count` samples have their label as the first of the largest logits.
template <int Classes>
inline int count_correct(const float* logits, const int32_t* labels, int count) {
  int correct = 0;
  for (int s = 0; s < count; s += lanes) {
    const LogitBlock<Classes> block(logits + s * block.columns);
    correct -= sum(block.correct(load(labels + s)) & first_lanes(count - s));
  }
  return correct;
}

}  // namespace emc
