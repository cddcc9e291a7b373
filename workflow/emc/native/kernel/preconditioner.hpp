// What quasi-Newton steps take the inverse Hessian for before they know more.
#pragma once

#include <vector>

#include "dot.hpp"

namespace emc {

// A layer's part of it: a row r of its weights, with the bias of that unit behind it, becomes
// factor * (r - D' D r). Mirrored by emc.native.preconditioner.
struct LayerInverse {
  int64_t start, outputs, inputs, bias;  // as emc.curvature.written.layer.Stretch
  int64_t rank;
  double factor;
  const double* directions;  // D [rank, inputs + bias]
};

// The layers' parts; parameters outside of them stay as they are.
class Preconditioner {
 public:
  Preconditioner(const LayerInverse* layers, int64_t count) : layers_(layers, layers + count) {
    for (const LayerInverse& layer : layers_) row_.resize(std::max(row_.size(), columns(layer)));
  }

  void apply(double* vector) {
    for (const LayerInverse& layer : layers_)
      for (int64_t unit = 0; unit < layer.outputs; ++unit) apply(layer, unit, vector);
  }

 private:
  static size_t columns(const LayerInverse& layer) { return layer.inputs + layer.bias; }

  void apply(const LayerInverse& layer, int64_t unit, double* vector) {
    double* const weights = vector + layer.start + unit * layer.inputs;
    double* const bias = vector + layer.start + layer.outputs * layer.inputs + unit;
    const int64_t size = columns(layer);
    std::copy_n(weights, layer.inputs, row_.data());
    if (layer.bias) row_[layer.inputs] = *bias;
    rest_ = row_;
    for (int64_t k = 0; k < layer.rank; ++k) {
      const double* const direction = layer.directions + k * size;
      add_times(rest_.data(), -dot(direction, row_.data(), size), direction, size);
    }
    for (int64_t i = 0; i < layer.inputs; ++i) weights[i] = layer.factor * rest_[i];
    if (layer.bias) *bias = layer.factor * rest_[layer.inputs];
  }

  const std::vector<LayerInverse> layers_;
  std::vector<double> row_, rest_;
};

}  // namespace emc
