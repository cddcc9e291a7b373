// The samples that a net takes at a time.
#pragma once

#include "vector.hpp"

namespace emc {

// Up to `Rows` samples with their labels, padded to whole vectors by repeating the last one.
template <int Rows>
struct Chunk {
  static_assert(Rows % lanes == 0);
  static constexpr int capacity = Rows;

  const float* samples[Rows];
  alignas(64) int32_t labels[Rows];
  int count = 0, rows = 0;

  void add(const float* sample, int32_t label) {
    samples[count] = sample;
    labels[count++] = label;
  }

  void pad() {
    rows = round_up(count, lanes);
    for (int row = count; row < rows; ++row) {
      samples[row] = samples[count - 1];
      labels[row] = labels[count - 1];
    }
  }
};

}  // namespace emc
