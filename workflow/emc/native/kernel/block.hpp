// The threads of a block: loops over items between barriers.
//
// All code between loops runs in every thread alike, on numbers of its own that are the same in all
// of them; only items write to memory that others read. So the same source runs without a card: the
// threads are a loop, and a block's loops may run backwards to show that no item needs another.
#pragma once

#include "scalar.hpp"

#if !defined(__CUDACC_RTC__)
#include <atomic>
#endif

namespace emc {

#if defined(__CUDACC_RTC__)

class Block {
 public:
  Block(double* partial_sums) : partial_(partial_sums) {}

  template <class Item>
  void each(int count, Item item) const {
    for (int i = threadIdx.x; i < count; i += blockDim.x) item(i);
    __syncthreads();
  }

  // What lies in memory, for all threads; none goes on to change it before all have read.
  template <class Value>
  Value read(const Value& at) const {
    const Value value = at;
    __syncthreads();
    return value;
  }

  // The sum of `count` items' numbers in a fixed order.
  template <class Item>
  double sum(int count, Item item) const {
    double own = 0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) own += item(i);
    partial_[threadIdx.x] = own;
    __syncthreads();
    for (int half = blockDim.x / 2; half; half /= 2) {
      if (threadIdx.x < half) partial_[threadIdx.x] += partial_[threadIdx.x + half];
      __syncthreads();
    }
    return read(partial_[0]);
  }

  // The next number from a counter that all blocks share.
  int take(int* counter) const {
    int* taken = reinterpret_cast<int*>(partial_);
    each(1, [&](int) { *taken = atomicAdd(counter, 1); });
    return read(*taken);
  }

 private:
  double* partial_;
};

#else

class Block {
 public:
  Block(double* partial_sums, int threads, bool backwards)
      : partial_(partial_sums), threads_(threads), backwards_(backwards) {}

  template <class Item>
  void each(int count, Item item) const {
    for (int i = 0; i < count; ++i) item(backwards_ ? count - 1 - i : i);
  }

  template <class Value>
  Value read(const Value& at) const {
    return at;
  }

  template <class Item>
  double sum(int count, Item item) const {
    each(threads_, [&](int thread) {
      double own = 0;
      for (int i = thread; i < count; i += threads_) own += item(i);
      partial_[thread] = own;
    });
    for (int half = threads_ / 2; half; half /= 2)
      each(half, [&](int thread) { partial_[thread] += partial_[thread + half]; });
    return partial_[0];
  }

  int take(int* counter) const { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

 private:
  double* partial_;
  int threads_;
  bool backwards_;
};

#endif

}  // namespace emc
