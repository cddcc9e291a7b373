// The C functions that a kernel offers; a kernel is one line, EMC_KERNEL(classes, net).
#pragma once

#include "archive.hpp"
#include "trainer.hpp"

#define EMC_KERNEL(CLASSES, ...)                                                               \
  using Replica = emc::Trainer<__VA_ARGS__, CLASSES>;                                          \
  extern "C" {                                                                                 \
  void* emc_open(const emc::Task* task) try { return new Replica(*task); } catch (...) {       \
    return nullptr;                                                                            \
  }                                                                                            \
  int emc_advance(void* replica, double seconds) {                                             \
    return static_cast<Replica*>(replica)->advance(seconds);                                   \
  }                                                                                            \
  void emc_result(void* replica, emc::Result* result) {                                        \
    *result = static_cast<Replica*>(replica)->result();                                        \
  }                                                                                            \
  void emc_write(const void* replica, float* parameters, double* epoch_losses) {               \
    static_cast<const Replica*>(replica)->write(parameters, epoch_losses);                     \
  }                                                                                            \
  int64_t emc_state_size(void* replica) {                                                      \
    emc::Measure measure;                                                                      \
    static_cast<Replica*>(replica)->visit(measure);                                            \
    return measure.bytes;                                                                      \
  }                                                                                            \
  void emc_save(void* replica, char* to) {                                                     \
    static_cast<Replica*>(replica)->visit(emc::Save{to});                                      \
  }                                                                                            \
  void emc_load(void* replica, const char* from) {                                             \
    static_cast<Replica*>(replica)->visit(emc::Load{from});                                    \
  }                                                                                            \
  void emc_close(void* replica) { delete static_cast<Replica*>(replica); }                     \
  }
