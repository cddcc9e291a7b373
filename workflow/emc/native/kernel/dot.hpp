// Sums and products of vectors in float64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace emc {

inline double dot(const double* a, const double* b, int64_t size) {
  constexpr int width = 8;
  double parts[width] = {};
  int64_t i = 0;
  for (; i + width <= size; i += width)
    for (int k = 0; k < width; ++k) parts[k] += a[i + k] * b[i + k];
  double total = 0;
  for (const double part : parts) total += part;
  for (; i < size; ++i) total += a[i] * b[i];
  return total;
}

inline double norm(const double* a, int64_t size) { return std::sqrt(dot(a, a, size)); }

inline void add_times(double* to, double factor, const double* what, int64_t size) {
  for (int64_t i = 0; i < size; ++i) to[i] += factor * what[i];
}

}  // namespace emc
