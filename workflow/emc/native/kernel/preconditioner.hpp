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
  Preconditioner(const LayerInverse* layers, int64_t count) : layers_(layers, layers + count) {}

  void apply(double* vector) {
    for (const LayerInverse& layer : layers_) {
      read(layer, vector);
      rest_ = rows_;
      const int64_t size = columns(layer);
      // Each direction meets all units while it is in the cache.
      for (int64_t k = 0; k < layer.rank; ++k) {
        const double* const direction = layer.directions + k * size;
        for (int64_t at = 0; at < layer.outputs * size; at += size)
          add_times(&rest_[at], -dot(direction, &rows_[at], size), direction, size);
      }
      write(layer, vector);
    }
  }

 private:
  static int64_t columns(const LayerInverse& layer) { return layer.inputs + layer.bias; }

  // The weights of each unit with its bias behind them: `rows_` [outputs, columns].
  void read(const LayerInverse& layer, const double* vector) {
    const int64_t size = columns(layer);
    rows_.resize(layer.outputs * size);
    const double* const weights = vector + layer.start;
    const double* const biases = weights + layer.outputs * layer.inputs;
    for (int64_t unit = 0; unit < layer.outputs; ++unit) {
      std::copy_n(weights + unit * layer.inputs, layer.inputs, &rows_[unit * size]);
      if (layer.bias) rows_[unit * size + layer.inputs] = biases[unit];
    }
  }

  // `rest_` [outputs, columns], times the factor, into their places.
  void write(const LayerInverse& layer, double* vector) const {
    const int64_t size = columns(layer);
    double* const weights = vector + layer.start;
    double* const biases = weights + layer.outputs * layer.inputs;
    for (int64_t unit = 0; unit < layer.outputs; ++unit) {
      const double* const row = &rest_[unit * size];
      for (int64_t i = 0; i < layer.inputs; ++i)
        weights[unit * layer.inputs + i] = layer.factor * row[i];
      if (layer.bias) biases[unit] = layer.factor * row[layer.inputs];
    }
  }

  const std::vector<LayerInverse> layers_;
  std::vector<double> rows_, rest_;
};

}  // namespace emc
