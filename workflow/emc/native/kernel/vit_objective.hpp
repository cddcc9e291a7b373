// The kernel of vision transformers.
#pragma once

#include "objective.hpp"
#include "vit.hpp"

namespace emc {

using Kernel = Objective<VitNet, VitShape>;

// `shape` holds the numbers of a VitShape.
inline Kernel* make(const int64_t* shape, int64_t, const ObjectiveTask& task) {
  return new Kernel(*reinterpret_cast<const VitShape*>(shape), task);
}

}  // namespace emc

#include "sizes_export.hpp"
