// The kernel of plans.
#pragma once

#include "objective.hpp"
#include "plan.hpp"

namespace emc {

using Kernel = Objective<PlanNet, Plan>;

// `shape` holds the numbers of one layer after the other.
inline Kernel* make(const int64_t* shape, int64_t length, const Problem& problem) {
  const LayerShape* layers = reinterpret_cast<const LayerShape*>(shape);
  return new Kernel(Plan(layers, layers + length * sizeof(*shape) / sizeof(*layers)), problem);
}

}  // namespace emc

#include "objective_exports.hpp"
