// The update rules of torch.optim for all parameters of a net.
#pragma once

#include "update.hpp"

namespace emc {

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
  void sgd(double rate, const float* __restrict gradient, float* __restrict parameters) {
    const SgdStep step(rule_, rate);
    for (int i = 0; i < Size; ++i) step(gradient[i], mean_[i], parameters[i]);
  }

  void adam(double rate, const float* __restrict gradient, float* __restrict parameters) {
    const AdamStep step(rule_, rate, steps_);
    for (int i = 0; i < Size; ++i) step(gradient[i], mean_[i], square_[i], parameters[i]);
  }

  UpdateRule rule_;
  double steps_ = 0;
  alignas(64) float mean_[Size] = {};
  alignas(64) float square_[Size] = {};
};

}  // namespace emc
