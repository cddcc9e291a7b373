// A vector of one number: what a thread of a card computes with. Masks are 1 where they hold.
#pragma once

#include "integers.hpp"

#if defined(__CUDACC_RTC__)
#define EMC_UNROLL _Pragma("unroll")
#define EMC_UNROLL_FOUR _Pragma("unroll 4")
#define EMC_ROLLED _Pragma("unroll 1")
#define EMC_INLINE __device__ __forceinline__
#define EMC_ONCE __device__ __noinline__
#else
#include <cmath>
#define EMC_UNROLL
#define EMC_UNROLL_FOUR
#define EMC_ROLLED
#define EMC_INLINE inline __attribute__((always_inline))
#define EMC_ONCE __attribute__((noinline))
#endif

namespace emc {

typedef float Real;
typedef int32_t Int;
typedef Real Floats;
typedef Int Ints;

constexpr int lanes = 1;

EMC_INLINE Floats load(const Real* from) { return *from; }
EMC_INLINE Ints load(const Int* from) { return *from; }
EMC_INLINE void store(Real* to, Floats value) { *to = value; }
EMC_INLINE Floats broadcast(Real value) { return value; }
EMC_INLINE Floats sum(Floats value) { return value; }
EMC_INLINE Ints sum(Ints value) { return value; }
EMC_INLINE Ints first_lanes(int count) { return count > 0; }
EMC_INLINE Floats to_floats(Ints value) { return Real(value); }
EMC_INLINE Floats square_root(Floats x) { return sqrtf(x); }
EMC_INLINE void transpose(Floats (&)[lanes]) {}

}  // namespace emc
