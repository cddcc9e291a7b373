// The kernel of layered nets.
#pragma once

#include "objective.hpp"
#include "layered.hpp"

namespace emc {

using Kernel = Objective<LayeredNet, Layers>;

// `shape` holds the numbers of one layer after the other.
inline Kernel* make(const int64_t* shape, int64_t length, const ObjectiveTask& task) {
  const LayerShape* layers = reinterpret_cast<const LayerShape*>(shape);
  return new Kernel(Layers(layers, layers + length * sizeof(*shape) / sizeof(*layers)), task);
}

}  // namespace emc

#include "objective_exports.hpp"
