// The C functions of a kernel that evaluates an objective.
#pragma once

#include "descent.hpp"
#include "objective.hpp"

// The C functions of a kernel, whose `Kernel` is an objective and whose function `make` opens one;
// those that need memory answer whether they had it.
extern "C" {
void* emc_objective_open(const int64_t* shape, int64_t length, const emc::ObjectiveTask* task) try {
  return emc::make(shape, length, *task);
} catch (...) {
  return nullptr;
}

int emc_objective_first_order(void* objective, const double* parameters, const double* widths,
                              int64_t first, int64_t every, double* gradient,
                              emc::Totals* totals) try {
  *totals = {};
  static_cast<emc::Kernel*>(objective)->first_order(parameters, widths, first, every, gradient,
                                                    *totals);
  return 1;
} catch (...) {
  return 0;
}

int emc_objective_products(void* objective, const double* parameters, const double* widths,
                           const double* vectors, int64_t count, int64_t first, int64_t every,
                           double* products) try {
  static_cast<emc::Kernel*>(objective)->products(parameters, widths, vectors, count, first, every,
                                                 products);
  return 1;
} catch (...) {
  return 0;
}

void* emc_descent_open(int64_t dimension, int64_t history) try {
  return new emc::Descent(dimension, history);
} catch (...) {
  return nullptr;
}

int emc_descent_go_on(void* descent, void* objective, const double* widths,
                      const emc::LayerInverse* layers, int64_t count,
                      const emc::DescentLimits* limits, double* parameters,
                      emc::DescentReport* report) try {
  emc::Preconditioner preconditioner(layers, count);
  *report = static_cast<emc::Descent*>(descent)->go_on(*static_cast<emc::Kernel*>(objective), widths,
                                                       preconditioner, *limits, parameters);
  return 1;
} catch (...) {
  return 0;
}

void emc_descent_close(void* descent) { delete static_cast<emc::Descent*>(descent); }

void emc_objective_close(void* objective) { delete static_cast<emc::Kernel*>(objective); }
}
