// The losses at the logits of `lanes` samples at a time, their gradients, and who is right.
#pragma once

#include "numbers.hpp"

namespace emc {

// Mean loss over `samples` samples, as emc.curvature.objective.Objective defines it.
struct Criterion {
  enum Kind : int64_t { cross_entropy, squared_error };
  Kind kind;
  double smoothing;
  int64_t samples;
};

// The logits of some samples, one number per class, `stride` apart, and their labels, -1 where a lane
// holds no sample.
template <class Number>
struct LogitColumn {
  const Number* logits;
  Number* delta;
  int stride, classes;
  Ints labels;

  // How many lanes have their label as the first of the largest logits, none of them NaN.
  EMC_INLINE int correct() const {
    Floats largest = value(logits[0]);
    Ints first{}, numbers = largest == largest;
    for (int c = 1; c < classes; ++c) {
      const Floats logit = value(logits[c * stride]);
      const Ints larger = logit > largest;
      largest = larger ? logit : largest;
      first = larger ? Ints{} + c : first;
      numbers &= logit == logit;
    }
    return -sum((first == labels) & numbers);
  }

  // Each lane's loss; its gradient, divided by the number of samples, goes to `delta`.
  EMC_INLINE Floats loss(const Criterion& criterion) const {
    return criterion.kind == Criterion::squared_error ? squared_error(criterion)
                                                      : cross_entropy(criterion);
  }

 private:
  EMC_INLINE Floats squared_error(const Criterion& criterion) const {
    const Ints live = labels >= 0;
    Floats total{};
    for (int c = 0; c < classes; ++c) {
      const Number error = logits[c * stride] - (labels == c ? broadcast(1) : Floats{});
      total += value(error) * value(error);
      delta[c * stride] = where(live, error * Real(2.0 / classes / criterion.samples), Number{});
    }
    return live ? total * Real(1.0 / classes) : Floats{};
  }

  // The label's slope is minus the sum of the others: p - 1 would lose its digits near a fit.
  EMC_INLINE Floats cross_entropy(const Criterion& criterion) const {
    const Ints live = labels >= 0;
    const Real rest = criterion.smoothing / classes, hit = rest + (1 - criterion.smoothing);
    Floats largest = value(logits[0]);
    for (int c = 1; c < classes; ++c) {
      const Floats logit = value(logits[c * stride]);
      largest = logit > largest ? logit : largest;
    }
    Number total{};
    Floats expected{};
    for (int c = 0; c < classes; ++c) {
      const Number below = logits[c * stride] - largest;
      expected += (labels == c ? broadcast(hit) : broadcast(rest)) * value(below);
      delta[c * stride] = exponential_of(below);
      total += delta[c * stride];
    }
    const Number normaliser = reciprocal(total);
    Number others{};
    for (int c = 0; c < classes; ++c) {
      const Number slope = delta[c * stride] * normaliser - broadcast(rest);
      others += where(labels == c, Number{}, slope);
      delta[c * stride] = slope;
    }
    const Real share = Real(1) / criterion.samples;
    for (int c = 0; c < classes; ++c) {
      const Number slope = where(labels == c, Number{} - others, delta[c * stride]);
      delta[c * stride] = where(live, slope * share, Number{});
    }
    return live ? logarithm(value(total)) - expected : Floats{};
  }
};

}  // namespace emc
