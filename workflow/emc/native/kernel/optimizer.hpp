// The update rules of torch.optim: SGD, Adam and AdamW.
#pragma once

#include <cmath>
#include <cstdint>

namespace emc {

struct UpdateRule {
  enum Kind : int64_t { sgd, adam, adamw };
  Kind kind;
  int64_t nesterov;
  double momentum, beta1, beta2, epsilon, weight_decay;

  // The decay that is part of the gradient; AdamW's is not.
  double coupled_decay() const { return kind == adamw ? 0 : weight_decay; }
};

// Holds the optimizer's state for `Size` parameters. Padding with zero gradient stays zero.
template <int Size>
class Optimizer {
 public:
  explicit Optimizer(const UpdateRule& rule) : rule_(rule) {}

  void step(double rate, const float* gradient, float* parameters) {
    ++steps_;
    rule_.kind == UpdateRule::sgd ? sgd(rate, gradient, parameters)
                                  : adam(rate, gradient, parameters);
  }

  // Shows an archive all that changes from step to step.
  template <class Archive>
  void visit(Archive&& archive) {
    archive(&steps_, 1);
    archive(mean_, Size);
    archive(square_, Size);
  }

 private:
  void sgd(float rate, const float* __restrict gradient, float* __restrict parameters) {
    const float decay = rule_.weight_decay, momentum = rule_.momentum;
    for (int i = 0; i < Size; ++i) {
      const float slope = gradient[i] + decay * parameters[i];
      mean_[i] = momentum * mean_[i] + slope;
      parameters[i] -= rate * (rule_.nesterov ? slope + momentum * mean_[i] : mean_[i]);
    }
  }

  void adam(double rate, const float* __restrict gradient, float* __restrict parameters) {
    const float decay = rule_.coupled_decay(), keep_mean = 1 - rule_.beta1;
    const float keep_square = rule_.beta2, new_square = 1 - rule_.beta2, epsilon = rule_.epsilon;
    const float shrink = rule_.kind == UpdateRule::adamw ? 1 - rate * rule_.weight_decay : 1;
    const float length = rate / (1 - std::pow(rule_.beta1, steps_));
    const float root = std::sqrt(1 - std::pow(rule_.beta2, steps_));
    for (int i = 0; i < Size; ++i) {
      const float slope = gradient[i] + decay * parameters[i];
      mean_[i] += keep_mean * (slope - mean_[i]);
      square_[i] = keep_square * square_[i] + new_square * (slope * slope);
      parameters[i] = shrink * parameters[i] -
                      length * (mean_[i] / (std::sqrt(square_[i]) / root + epsilon));
    }
  }

  UpdateRule rule_;
  double steps_ = 0;
  alignas(64) float mean_[Size] = {};
  alignas(64) float square_[Size] = {};
};

}  // namespace emc
