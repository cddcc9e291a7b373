// Whole numbers of known widths, where there is no standard library too.
#pragma once

#if defined(__CUDACC_RTC__)
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <cstdint>
#endif

namespace emc {

template <class Integer>
constexpr Integer ceil_div(Integer a, Integer b) {
  return (a + b - 1) / b;
}

template <class Integer>
constexpr Integer round_up(Integer a, Integer step) {
  return ceil_div(a, step) * step;
}

}  // namespace emc
