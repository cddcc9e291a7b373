// The parameters of a net as its kernel reads them.
#pragma once

#include <cstdint>
#include <vector>

#include "linear.hpp"

namespace emc {

// Weights [outputs, inputs, taps] among the parameters, from the one of number `first` on.
struct Matrix {
  int64_t first, outputs, inputs, taps;

  int64_t size() const { return outputs * inputs * taps; }
};

// All parameters in the kernel's precision, and the matrices turned around for the way back, where
// they were: the gradient by the inputs of a convolution is one by the weights turned half around.
class Parameters {
 public:
  void set(const double* parameters, int64_t size, const std::vector<Matrix>& matrices) {
    plain.assign(parameters, parameters + size);
    turned.resize(size);
    for (const Matrix& matrix : matrices)
      turn(matrix, plain.data() + matrix.first, turned.data() + matrix.first);
  }

  std::vector<Real> plain, turned;

 private:
  static void turn(const Matrix& matrix, const Real* weights, Real* to) {
    const int64_t taps = matrix.taps, terms = matrix.inputs * taps;
    for (int64_t i = 0; i < matrix.inputs; ++i) {
      for (int64_t o = 0; o < matrix.outputs; ++o) {
        const Real* from = weights + o * terms + i * taps + taps;
        for (int64_t tap = 0; tap < taps; ++tap) *to++ = *--from;
      }
    }
  }
};

}  // namespace emc
