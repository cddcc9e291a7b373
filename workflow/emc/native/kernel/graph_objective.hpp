// The kernel of graphs.
#pragma once

#include "graph.hpp"
#include "objective.hpp"

namespace emc {

// An objective that keeps the table of its graph.
class GraphObjective {
 public:
  GraphObjective(const int64_t* table, int64_t length, const ObjectiveTask& task)
      : table_(table, table + length), objective_(GraphShape(table_.data()), task) {}

  int64_t count() const { return objective_.count(); }

  template <class... Arguments>
  void sizes(Arguments&&... arguments) {
    objective_.sizes(arguments...);
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

inline Kernel* make(const int64_t* shape, int64_t length, const ObjectiveTask& task) {
  return new Kernel(shape, length, task);
}

}  // namespace emc

#include "sizes_export.hpp"
