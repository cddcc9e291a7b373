// The rules of the training step for one number: SGD and Adam, as torch.optim has them. The step is
// defined in the docstring of emc.engine.optimizer, which also says which weight decay is coupled.
#pragma once

#include "vector.hpp"

#if !defined(__CUDACC_RTC__)
#include <cmath>
#endif

namespace emc {

struct UpdateRule {
  enum Kind : int64_t { sgd, adam };
  Kind kind;
  int64_t nesterov;
  double momentum, beta1, beta2, epsilon, coupled_decay, decoupled_decay;
};

class SgdStep {
 public:
  SgdStep(const UpdateRule& rule, double rate)
      : rate_(rate), decay_(rule.coupled_decay), momentum_(rule.momentum),
        nesterov_(rule.nesterov) {}

  EMC_INLINE void operator()(float gradient, float& mean, float& parameter) const {
    const float slope = gradient + decay_ * parameter;
    mean = momentum_ * mean + slope;
    parameter -= rate_ * (nesterov_ ? slope + momentum_ * mean : mean);
  }

 private:
  float rate_, decay_, momentum_;
  bool nesterov_;
};

class AdamStep {
 public:
  // `steps` counts this one.
  AdamStep(const UpdateRule& rule, double rate, double steps)
      : decay_(rule.coupled_decay), new_mean_(1 - rule.beta1), keep_square_(rule.beta2),
        new_square_(1 - rule.beta2), epsilon_(rule.epsilon),
        shrink_(1 - rate * rule.decoupled_decay),
        length_(rate / (1 - pow(rule.beta1, steps))), root_(sqrt(1 - pow(rule.beta2, steps))) {}

  EMC_INLINE void operator()(float gradient, float& mean, float& square, float& parameter) const {
    const float slope = gradient + decay_ * parameter;
    mean += new_mean_ * (slope - mean);
    square = keep_square_ * square + new_square_ * (slope * slope);
    parameter = shrink_ * parameter - length_ * (mean / (sqrtf(square) / root_ + epsilon_));
  }

 private:
  float decay_, new_mean_, keep_square_, new_square_, epsilon_, shrink_, length_, root_;
};

}  // namespace emc
