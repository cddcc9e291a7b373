// What is asked of a training and what is answered; when it is over.
#pragma once

#include "cursor.hpp"
#include "loss.hpp"
#include "update.hpp"

namespace emc {

constexpr int milestones = 4;
constexpr int plateau_window = 10;  // epochs; also between two looks at the gradient

// What to train; mirrored by emc.engine.native.kernel.Task. Arrays stay the caller's.
struct Task {
  const float* inputs;         // [N, inputs of the net]
  const int64_t* rows;         // [n] into inputs
  const int64_t* labels;       // [n]
  const float* parameters;     // initial, torch's layout, layer by layer
  const double* rates;         // learning rate of each step of the budget
  int64_t n;
  int64_t batch;
  Cursor::Order order;
  uint64_t order_seed;
  int64_t epochs, steps;       // the budget: whichever ends first
  int64_t needed[milestones];  // correct samples at each milestone, ascending
  int64_t needed_to_fit;
  Loss::Kind loss;
  double smoothing;
  UpdateRule rule;
  double gradient_tolerance, plateau_tolerance;
  const int64_t* graph;        // for nets whose steps are known at run time only, else null
};

// When each milestone was reached; 0: never.
struct Marks {
  int64_t epochs[milestones], steps[milestones];

  // Correct samples at which something happens next: a milestone, or the fit.
  int64_t next(const Task& task) const {
    int64_t next = task.needed_to_fit;
    for (int i = 0; i < milestones; ++i)
      if (!epochs[i] && task.needed[i] < next) next = task.needed[i];
    return next;
  }

  void pass(const Task& task, int64_t correct, int64_t epoch, int64_t step) {
    for (int i = 0; i < milestones; ++i) {
      if (epochs[i] || correct < task.needed[i]) continue;
      epochs[i] = epoch;
      steps[i] = step;
    }
  }
};

// How it went; mirrored by emc.engine.native.kernel.KernelResult.
struct Result {
  int64_t finite, epochs, steps, gradient_evaluations;
  Marks marks;
  int64_t correct;
  double loss, gradient_norm;
};

// Relative variation of a window of epoch losses, as emc.criteria.plateau.
inline double plateau(const double* losses) {
  double sum = 0, low = losses[0], high = losses[0];
  for (int i = 0; i < plateau_window; ++i) {
    sum += losses[i];
    if (losses[i] < low) low = losses[i];
    if (losses[i] > high) high = losses[i];
  }
  const double mean = sum / plateau_window, size = mean < 0 ? -mean : mean;
  constexpr double smallest_normal = 2.2250738585072014e-308;
  return (high - low) / (size > smallest_normal ? size : smallest_normal);
}

}  // namespace emc
