// What batch normalisation (Ioffe and Szegedy 2015) knows beside a batch's own numbers: which samples
// are normalised together, and the running statistics that stand in for them in evaluation.
#pragma once

#include <cstdint>
#include <vector>

#include "numbers.hpp"

namespace emc {

// How a layer's running statistics follow those of its batches.
struct Momentum {
  double share = 0;         // of the newest batch
  bool cumulative = false;  // all batches count alike, whatever the share

  Real of_batch(int64_t batches) const { return cumulative ? Real(1) / batches : Real(share); }
};

class BatchStatistics {
 public:
  explicit BatchStatistics(int64_t size) : running(size) {}

  // The samples to come, `groups` vectors of them; in training they are one batch.
  void begin(bool training, int64_t samples, int groups) {
    training_ = training;
    samples_ = samples;
    batches_ += training;
    live_.resize(groups);
    for (int g = 0; g < groups; ++g) live_[g] = first_lanes(int(samples - int64_t(g) * lanes));
  }

  bool training() const { return training_; }
  int64_t samples() const { return samples_; }

  // The number, but zero where there is no sample.
  template <class Number>
  EMC_INLINE Number live(Number number, int g) const {
    return where(live_[g], number, Number{});
  }

  // Moves a channel's running mean and variance to those of a batch of `count` numbers.
  void move(Momentum momentum, Real& mean, Real& variance, Real of_batch, Real biased,
            int64_t count) const {
    const Real share = momentum.of_batch(batches_);
    mean += share * (of_batch - mean);
    variance += share * (biased * (Real(count) / (count - 1)) - variance);
  }

  // Shows an archive all that changes between two batches.
  template <class Archive>
  void visit(Archive&& archive) {
    archive(running.data(), running.size());
    archive(&batches_, 1);
  }

  std::vector<Real> running;  // of each layer: the channels' means, then their variances

 private:
  bool training_ = false;
  int64_t samples_ = 0, batches_ = 0;
  std::vector<Ints> live_;
};

}  // namespace emc
