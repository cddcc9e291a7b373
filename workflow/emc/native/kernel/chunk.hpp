// The samples that a net takes at a time.
#pragma once

#include "vector.hpp"

namespace emc {

// Room for up to `Rows` samples with their labels.
template <int Rows>
struct RowArrays {
  static_assert(Rows % lanes == 0);
  static constexpr int capacity = Rows;

  const float* samples[Rows];
  alignas(64) int32_t labels[Rows];
};

// Samples with their labels, padded to whole vectors by repeating the last one.
template <class Room>
struct SomeSamples : Room {
  using Room::Room;
  using Room::labels;
  using Room::samples;
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

template <int Rows>
using Chunk = SomeSamples<RowArrays<Rows>>;

}  // namespace emc
