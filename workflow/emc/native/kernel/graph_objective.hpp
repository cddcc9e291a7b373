// The kernel of graphs.
#pragma once

#include "graph.hpp"
#include "objective.hpp"

namespace emc {

// An objective that keeps the table of its graph.
class GraphObjective {
 public:
  GraphObjective(const int64_t* table, int64_t length, const Problem& problem)
      : table_(table, table + length), objective_(GraphShape(table_.data()), problem) {}

  int64_t count() const { return objective_.count(); }

  // The mean |number| that each activated step takes at a point, into `sizes` [steps]; 0 for others.
  void mean_sizes(const double* parameters, double* sizes) {
    const GraphShape shape(table_.data());
    std::fill_n(sizes, shape.steps.size(), 0.0);
    objective_.each_chunk(parameters, [&](auto& net, const Samples& samples, auto weights) {
      net.add_sizes(samples, weights, sizes);
    });
    for (size_t s = 0; s < shape.steps.size(); ++s)
      sizes[s] /= double(count()) * std::max<int64_t>(shape.steps[s].size(), 1);
  }

  template <class... Arguments>
  void first_order(Arguments&&... arguments) {
    objective_.first_order(arguments...);
  }

  template <class... Arguments>
  void products(Arguments&&... arguments) {
    objective_.products(arguments...);
  }

 private:
  const std::vector<int64_t> table_;
  Objective<GraphNet, GraphShape> objective_;
};

using Kernel = GraphObjective;

inline Kernel* make(const int64_t* shape, int64_t length, const Problem& problem) {
  return new Kernel(shape, length, problem);
}

}  // namespace emc

#include "objective_exports.hpp"

extern "C" int emc_graph_mean_sizes(void* objective, const double* parameters, double* sizes) try {
  static_cast<emc::Kernel*>(objective)->mean_sizes(parameters, sizes);
  return 1;
} catch (...) {
  return 0;
}
