// Which samples each step sees: the same permutations and batches as emc.engine.order.
#pragma once

#include <numeric>
#include <vector>

#include "cursor.hpp"
#include "split_mix.hpp"

namespace emc {

class Batches {
 public:
  using Order = Cursor::Order;

  struct Batch {
    const int32_t* samples;
    int64_t count;
  };

  Batches(int64_t n, int64_t batch, Order order, uint64_t seed)
      : cursor_(n, batch, order), seed_(seed), permutation_(n) {
    std::iota(permutation_.begin(), permutation_.end(), 0);
    if (order == Cursor::stream) stream_.resize(cursor_.size);
  }

  Batch next() {
    const Batch batch = cursor_.order == Cursor::stream ? next_of_stream() : next_part();
    cursor_.taken += batch.count;
    return batch;
  }

  bool have_ended(int64_t epochs) const { return cursor_.have_ended(epochs); }

  int64_t taken() const { return cursor_.taken; }

  // Shows an archive all that changes between two batches.
  template <class Archive>
  void visit(Archive&& archive) {
    for (int64_t* count : {&cursor_.position, &cursor_.taken, &cursor_.shuffles}) archive(count, 1);
    archive(permutation_.data(), cursor_.n);
  }

 private:
  Batch next_of_stream() {
    for (int32_t& sample : stream_) {
      if (cursor_.position == cursor_.n) next_epoch();
      sample = permutation_[cursor_.position++];
    }
    return {stream_.data(), cursor_.size};
  }

  Batch next_part() {
    if (cursor_.position == cursor_.n) next_epoch();
    const int64_t count = cursor_.batch_size(), first = cursor_.position;
    cursor_.position += count;
    return {permutation_.data() + first, count};
  }

  void next_epoch() {
    cursor_.position = 0;
    if (cursor_.order == Cursor::full) return;
    std::iota(permutation_.begin(), permutation_.end(), 0);
    shuffle(permutation_.data(), cursor_.n, seed_, cursor_.shuffles++);
  }

  Cursor cursor_;
  uint64_t seed_;
  std::vector<int32_t> permutation_, stream_;
};

}  // namespace emc
