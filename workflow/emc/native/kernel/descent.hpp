// Quasi-Newton steps down an objective: the steps of emc.finish.descent.Descent without kinks, in
// the metric of emc.finish.metric.QuasiNewtonHistory, which begins as a preconditioner.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "dot.hpp"
#include "preconditioner.hpp"
#include "samples.hpp"

namespace emc {

// Mirrored by emc.native.descent.
struct DescentLimits {
  double gradient;      // a point with a gradient of at most this length is stationary
  double accuracy;      // a point with at least this accuracy fits
  int64_t steps;        // as many are taken
  int64_t evaluations;  // no step is begun after as many
};

enum DescentEnd : int64_t { descent_fits, descent_stationary, descent_limit, descent_jam };

struct DescentReport {
  DescentEnd end;
  int64_t steps, evaluations;
};

// The last steps, and the changes of the gradient along them.
class History {
 public:
  History(int64_t dimension, int64_t most)
      : dimension_(dimension),
        most_(most),
        slots_(most + 1),
        numbers_(2 * slots_ * dimension),
        along_(slots_),
        weights_(slots_),
        changed_(dimension) {}

  // Minus the inverse Hessian times a gradient, by the recursion over the steps in two loops
  // (Nocedal 1980, "Updating quasi-Newton matrices with limited storage"). `length` is the most of
  // the first step of all.
  void direction(const double* gradient, double length, Preconditioner& preconditioner,
                 double* result) {
    for (int64_t i = 0; i < dimension_; ++i) result[i] = -gradient[i];
    for (int64_t age = 0; age < count_; ++age) {
      const int64_t at = place(age);
      weights_[at] = dot(step(at), result, dimension_) / along_[at];
      add_times(result, -weights_[at], change(at), dimension_);
    }
    preconditioner.apply(result);
    const double scale = count_ ? scale_ : length / std::max(norm(result, dimension_), length);
    for (int64_t i = 0; i < dimension_; ++i) result[i] *= scale;
    for (int64_t age = count_; age-- > 0;) {
      const int64_t at = place(age);
      const double weight = dot(change(at), result, dimension_) / along_[at];
      add_times(result, weights_[at] - weight, step(at), dimension_);
    }
  }

  // Remember a step unless the gradient's change along it bends down.
  void learn(const double* from, const double* to, const double* gradient, const double* there,
             Preconditioner& preconditioner) {
    const int64_t at = place(-1);
    double *s = step(at), *y = change(at);
    for (int64_t i = 0; i < dimension_; ++i) {
      s[i] = to[i] - from[i];
      y[i] = there[i] - gradient[i];
    }
    const double along = dot(s, y, dimension_), squared = dot(y, y, dimension_);
    if (along <= curved * norm(s, dimension_) * std::sqrt(squared) || squared == 0) return;
    along_[at] = along;
    newest_ = at;
    if (count_ < most_) ++count_;
    scale(preconditioner);
  }

  // Scale the preconditioner to what is known of the last step.
  void scale(Preconditioner& preconditioner) {
    if (count_ == 0) return;
    const double* const y = change(newest_);
    std::copy_n(y, dimension_, changed_.data());
    preconditioner.apply(changed_.data());
    scale_ = along_[newest_] / dot(y, changed_.data(), dimension_);
  }

  // Forget everything; false: there was nothing.
  bool forget() {
    const bool remembered = count_ > 0;
    count_ = 0;
    return remembered;
  }

 private:
  static constexpr double curved = 1e-10;

  // Where the step of an age lies; the next one's age is -1, and has a slot of its own.
  int64_t place(int64_t age) const { return (newest_ - age + slots_) % slots_; }
  double* step(int64_t at) { return numbers_.data() + 2 * at * dimension_; }
  double* change(int64_t at) { return step(at) + dimension_; }

  const int64_t dimension_, most_, slots_;
  std::vector<double> numbers_;  // [slots, 2, dimension]
  std::vector<double> along_, weights_, changed_;
  int64_t newest_ = 0, count_ = 0;
  double scale_ = 1;
};

class Descent {
 public:
  Descent(int64_t dimension, int64_t history)
      : dimension_(dimension), history_(dimension, history), direction_(dimension) {}

  // Go on from `parameters` [dimension] to where it fits, is stationary, jams or runs out; they then
  // hold that point. Numbers of `objective` that are not finite are never gone to.
  template <class Kernel>
  DescentReport go_on(Kernel& objective, const double* widths, Preconditioner& preconditioner,
                      const DescentLimits& limits, double* parameters) {
    evaluations_ = 0;
    preconditioner_ = &preconditioner;
    history_.scale(preconditioner);
    here_.parameters.assign(parameters, parameters + dimension_);
    look(objective, widths, here_);
    int64_t steps = 0;
    const DescentEnd end = descend(objective, widths, limits, steps);
    std::memcpy(parameters, here_.parameters.data(), dimension_ * sizeof(double));
    return {end, steps, evaluations_};
  }

 private:
  static constexpr double enough = 1e-4, flatter = 0.9, first = 0.01;
  static constexpr int lengths = 30, doublings = 6;
  // Of the loss: what is less is told from the gradient.
  static constexpr double rounding = sizeof(Real) == sizeof(double) ? 1e-13 : 1e-5;

  struct Point {
    std::vector<double> parameters, gradient;
    double loss, accuracy, norm;
    bool finite() const { return std::isfinite(loss + norm); }
  };

  template <class Kernel>
  DescentEnd descend(Kernel& objective, const double* widths, const DescentLimits& limits,
                     int64_t& steps) {
    while (here_.accuracy < limits.accuracy) {
      if (here_.norm <= limits.gradient) return descent_stationary;
      if (steps == limits.steps || evaluations_ >= limits.evaluations) return descent_limit;
      do {
        aim();
      } while (!search(objective, widths) && history_.forget());
      if (!found_) return descent_jam;
      ++steps;
    }
    return descent_fits;
  }

  void aim() {
    const double length = first * std::max(norm(here_.parameters.data(), dimension_), 1.0);
    history_.direction(here_.gradient.data(), length, *preconditioner_, direction_.data());
    slope_ = dot(here_.gradient.data(), direction_.data(), dimension_);
  }

  // Go to the first length of the direction at which the loss falls, if there is one.
  template <class Kernel>
  bool search(Kernel& objective, const double* widths) {
    double length = 1;
    found_ = false;
    for (int tried = 0; tried < lengths && !found_; ++tried) {
      move(objective, widths, length, there_);
      found_ = falls(length);
      if (!found_) length = shorter(length);
    }
    if (!found_) return false;
    if (length == 1) lengthen(objective, widths);
    history_.learn(here_.parameters.data(), there_.parameters.data(), here_.gradient.data(),
                   there_.gradient.data(), *preconditioner_);
    std::swap(here_, there_);
    return true;
  }

  bool falls(double length) const {
    if (!there_.finite()) return false;
    const double rise = length * slope_, loss = std::abs(here_.loss);
    if (-rise > rounding * loss) return there_.loss <= here_.loss + enough * rise;
    return there_.norm < here_.norm && there_.loss <= here_.loss + rounding * loss;
  }

  // Twice the length, while the loss goes on falling about as steeply as at its start.
  template <class Kernel>
  void lengthen(Kernel& objective, const double* widths) {
    double length = 1;
    for (int doubled = 0; doubled < doublings; ++doubled) {
      if (dot(there_.gradient.data(), direction_.data(), dimension_) >= flatter * slope_) return;
      length *= 2;
      move(objective, widths, length, further_);
      if (!(further_.finite() && further_.loss < there_.loss)) return;
      std::swap(there_, further_);
    }
  }

  // The length where a parabola through both ends and the first slope is least.
  double shorter(double length) const {
    const double rise = length * slope_, excess = there_.loss - here_.loss - rise;
    if (!(std::isfinite(excess) && excess > 0)) return length / 10;
    return length * std::min(std::max(-rise / (2 * excess), 0.1), 0.5);
  }

  template <class Kernel>
  void move(Kernel& objective, const double* widths, double length, Point& to) {
    to.parameters = here_.parameters;
    add_times(to.parameters.data(), length, direction_.data(), dimension_);
    look(objective, widths, to);
  }

  template <class Kernel>
  void look(Kernel& objective, const double* widths, Point& at) {
    Totals totals{};
    at.gradient.resize(dimension_);
    objective.first_order(at.parameters.data(), widths, 0, 1, at.gradient.data(), totals);
    at.loss = totals.loss;
    at.accuracy = double(totals.correct) / objective.count();
    at.norm = norm(at.gradient.data(), dimension_);
    ++evaluations_;
  }

  const int64_t dimension_;
  History history_;
  Preconditioner* preconditioner_ = nullptr;
  std::vector<double> direction_;
  Point here_, there_, further_;
  double slope_ = 0;
  bool found_ = false;
  int64_t evaluations_ = 0;
};

}  // namespace emc
