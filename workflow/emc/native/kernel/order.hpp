// Which samples each step sees: the same permutations and batches as emc.engine.order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

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

class Batches {
 public:
  enum Order : int64_t { stream, balanced, ragged, full };

  struct Batch {
    const int32_t* samples;
    int64_t count;
  };

  Batches(int64_t n, int64_t batch, Order order, uint64_t seed)
      : order_(order), size_(order == full ? n : std::min(batch, n)), seed_(seed), permutation_(n) {
    std::iota(permutation_.begin(), permutation_.end(), 0);
    position_ = n;
    if (order_ == stream) stream_.resize(size_);
  }

  Batch next() {
    const Batch batch = order_ == stream ? next_of_stream() : next_part();
    taken_ += batch.count;
    return batch;
  }

  // Whether `epochs` epochs are over: in a stream, once as many samples were taken as they have.
  bool have_ended(int64_t epochs) const { return taken_ >= epochs * n(); }

  int64_t taken() const { return taken_; }

  // Shows an archive all that changes between two batches.
  template <class Archive>
  void visit(Archive&& archive) {
    for (int64_t* count : {&position_, &taken_, &shuffles_}) archive(count, 1);
    archive(permutation_.data(), n());
  }

 private:
  int64_t n() const { return permutation_.size(); }

  Batch next_of_stream() {
    for (int32_t& sample : stream_) {
      if (position_ == n()) shuffle();
      sample = permutation_[position_++];
    }
    return {stream_.data(), size_};
  }

  Batch next_part() {
    if (position_ == n()) order_ == full ? void(position_ = 0) : shuffle();
    const int64_t count = part_size(), first = position_;
    position_ += count;
    return {permutation_.data() + first, count};
  }

  int64_t part_size() const {
    if (order_ != balanced) return std::min(size_, n() - position_);
    const int64_t parts = (n() + size_ - 1) / size_, small = n() / parts, large_parts = n() % parts;
    return small + (position_ < large_parts * (small + 1));
  }

  // The permutation of the next epoch: Fisher-Yates, from the last place down.
  void shuffle() {
    SplitMix64 random(seed_ + (uint64_t(shuffles_++) << 32));
    std::iota(permutation_.begin(), permutation_.end(), 0);
    for (int64_t last = n() - 1; last > 0; --last)
      std::swap(permutation_[last], permutation_[random.below(last + 1)]);
    position_ = 0;
  }

  Order order_;
  int64_t size_, position_ = 0, taken_ = 0, shuffles_ = 0;
  uint64_t seed_;
  std::vector<int32_t> permutation_, stream_;
};

}  // namespace emc
