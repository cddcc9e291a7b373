// The generator of the order of samples.
#pragma once

#include "integers.hpp"

namespace emc {

// Steele, Lea and Flood 2014.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t state) : state_(state) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  // From 0 to bound - 1, by the high 32 bits.
  uint32_t below(uint32_t bound) { return ((next() >> 32) * bound) >> 32; }

 private:
  uint64_t state_;
};

// The permutation of an epoch: Fisher-Yates, from the last place down, of 0 to n - 1 in order.
template <class Index>
void shuffle(Index* places, int64_t n, uint64_t seed, int64_t epoch) {
  SplitMix64 random(seed + (uint64_t(epoch) << 32));
  for (int64_t last = n - 1; last > 0; --last) {
    const int64_t other = random.below(last + 1);
    const Index held = places[last];
    places[last] = places[other];
    places[other] = held;
  }
}

}  // namespace emc
