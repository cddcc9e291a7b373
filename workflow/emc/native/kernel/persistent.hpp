// The kernel that trains replicas from a queue, one per block at a time, and its stand-in without a
// card; a kernel is one line, EMC_PERSISTENT(trainer).
#pragma once

#include "block_trainer.hpp"

#if defined(__CUDACC_RTC__)

// A block's memory: partial sums of its threads, then what the trainer holds.
#define EMC_PERSISTENT(...)                                                                    \
  using Trainer = __VA_ARGS__;                                                                 \
  extern "C" __global__ void __launch_bounds__(EMC_THREADS, EMC_BLOCKS_AT_ONCE) \
      emc_persistent(emc::Launch launch) { \
    extern __shared__ double memory[];                                                         \
    constexpr int64_t outside = Trainer::chunk_size - Trainer::chunk_inside;                   \
    emc::train<Trainer>(emc::Block(memory), launch,                                            \
                        reinterpret_cast<float*>(memory + EMC_THREADS),                        \
                        launch.workspace + outside * blockIdx.x);                              \
  }

#else

#include <thread>
#include <vector>

namespace emc {

// Calls `one(number)` in as many threads of the processor.
template <class One>
void in_threads(int count, One one) {
  std::vector<std::thread> running;
  for (int number = 0; number < count; ++number) running.emplace_back(one, number);
  for (std::thread& each : running) each.join();
}

// Each block is a thread of the processor, or with EMC_THREADED as many as it has.
template <class Trainer>
void emulate(const Launch& launch, int blocks, int threads, [[maybe_unused]] bool backwards) {
  in_threads(blocks, [&](int number) {
    constexpr int64_t outside = Trainer::chunk_size - Trainer::chunk_inside;
    float* const workspace = launch.workspace + outside * number;
    std::vector<double> sums(threads);
    std::vector<float> memory(Trainer::inside + launch.order_room);
#if defined(EMC_THREADED)
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, threads);
    in_threads(threads, [&](int thread) {
      const Block block(sums.data(), Team{thread, threads, &barrier});
      train<Trainer>(block, launch, memory.data(), workspace);
    });
    pthread_barrier_destroy(&barrier);
#else
    train<Trainer>(Block(sums.data(), threads, backwards), launch, memory.data(), workspace);
#endif
  });
}

}  // namespace emc

#define EMC_PERSISTENT(...)                                                                    \
  using Trainer = __VA_ARGS__;                                                                 \
  extern "C" void emc_persistent(const emc::Launch* launch, int blocks, int backwards) {       \
    emc::emulate<Trainer>(*launch, blocks, EMC_THREADS, backwards);                        \
  }

#endif
