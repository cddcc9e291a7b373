// The threads of a block: loops over items between barriers.
//
// All code between loops runs in every thread alike, on numbers of its own that are the same in all
// of them; only items write to memory that others read. So the same source runs without a card: the
// threads are a loop, and a block's loops may run backwards to show that no item needs another. With
// EMC_THREADED they are threads, so that a race detector sees what those of a card would do.
#pragma once

#include "scalar.hpp"

#if defined(EMC_THREADED)
#include <pthread.h>
#endif

namespace emc {

// Tells a card's compiler that a number lies in the block's memory, if it does.
template <bool Inside>
EMC_INLINE void assume_inside([[maybe_unused]] const float* number) {
#if defined(__CUDACC_RTC__)
  if constexpr (Inside) __builtin_assume(__isShared(number));
#endif
}

#if defined(__CUDACC_RTC__) || defined(EMC_THREADED)

#if defined(__CUDACC_RTC__)
struct Team {
  int thread() const { return threadIdx.x; }
  int threads() const { return blockDim.x; }
  void wait() const { __syncthreads(); }
  static int take(int* counter) { return atomicAdd(counter, 1); }
};
#else
struct Team {
  int number, count;
  pthread_barrier_t* barrier;

  int thread() const { return number; }
  int threads() const { return count; }
  void wait() const { pthread_barrier_wait(barrier); }
  static int take(int* counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }
};
#endif

class Block {
 public:
  explicit Block(double* partial_sums, Team team = {}) : partial_(partial_sums), team_(team) {}

  template <class Item>
  void each(int count, Item item) const {
    for (int i = team_.thread(); i < count; i += team_.threads()) item(i);
    team_.wait();
  }

  // What lies in memory, for all threads; none goes on to change it before all have read.
  template <class Value>
  Value read(const Value& at) const {
    const Value value = at;
    team_.wait();
    return value;
  }

  // The sum of `count` items' numbers in a fixed order.
  template <class Item>
  double sum(int count, Item item) const {
    const int thread = team_.thread();
    double own = 0;
    for (int i = thread; i < count; i += team_.threads()) own += item(i);
    partial_[thread] = own;
    team_.wait();
    for (int half = team_.threads() / 2; half; half /= 2) {
      if (thread < half) partial_[thread] += partial_[thread + half];
      team_.wait();
    }
    return read(partial_[0]);
  }

  // The next number from a counter that all blocks share.
  int take(int* counter) const {
    int* taken = reinterpret_cast<int*>(partial_);
    each(1, [&](int) { *taken = Team::take(counter); });
    return read(*taken);
  }

 private:
  double* partial_;
  Team team_;
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
