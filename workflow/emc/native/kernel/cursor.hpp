// Where a training stands in the order of its samples, without the samples.
#pragma once

#include "integers.hpp"

namespace emc {

struct Cursor {
  enum Order : int64_t { stream, balanced, ragged, full };

  int64_t n, size;  // samples of an epoch, and of a batch at most
  Order order;
  int64_t position, taken = 0, shuffles = 0;

  Cursor(int64_t n, int64_t batch, Order order)
      : n(n), size(order == full || batch > n ? n : batch), order(order), position(n) {}

  // Whether `epochs` epochs are over: in a stream, once as many samples were taken as they have.
  bool have_ended(int64_t epochs) const { return taken >= epochs * n; }

  // Samples of the next batch, once the permutation that it begins in is there.
  int64_t batch_size() const {
    if (order == stream) return size;
    if (order != balanced) return size < n - position ? size : n - position;
    const int64_t parts = (n + size - 1) / size, small = n / parts, large_parts = n % parts;
    return small + (position < large_parts * (small + 1));
  }
};

}  // namespace emc
