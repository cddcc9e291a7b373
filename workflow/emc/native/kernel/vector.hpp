// Vectors of numbers by the compiler's own vector types, so that one source serves SSE2, AVX2,
// AVX-512 and NEON. Numbers are float32, or float64 in a kernel that defines EMC_DOUBLE. A kernel
// whose layers would fill the widest vectors badly defines EMC_NARROW, one for the threads of a card
// EMC_SCALAR.
#pragma once

#if defined(EMC_SCALAR)
#include "scalar.hpp"
#else

#include <utility>

#include "integers.hpp"

#if defined(__clang__)
#define EMC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EMC_UNROLL _Pragma("GCC unroll 64")
#endif
#define EMC_INLINE inline __attribute__((always_inline))

namespace emc {

#if defined(EMC_DOUBLE)
typedef double Real;
typedef int64_t Int;
#else
typedef float Real;
typedef int32_t Int;
#endif

#if defined(__AVX512F__) && !defined(EMC_NARROW)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

constexpr int lanes = vector_bytes / sizeof(Real);

#if defined(__AVX512VL__) || defined(__aarch64__)
constexpr int registers = 32;
#else
constexpr int registers = 16;
#endif

typedef Real Floats __attribute__((vector_size(vector_bytes)));
typedef Int Ints __attribute__((vector_size(vector_bytes)));

// The same vectors where they lie in memory: at any address, beside plain numbers.
typedef Real FloatsInMemory
    __attribute__((vector_size(vector_bytes), aligned(sizeof(Real)), may_alias));
typedef Int IntsInMemory
    __attribute__((vector_size(vector_bytes), aligned(sizeof(Int)), may_alias));

EMC_INLINE Floats load(const Real* from) {
  return *reinterpret_cast<const FloatsInMemory*>(from);
}

EMC_INLINE Ints load(const Int* from) { return *reinterpret_cast<const IntsInMemory*>(from); }

EMC_INLINE void store(Real* to, Floats value) { *reinterpret_cast<FloatsInMemory*>(to) = value; }

EMC_INLINE void store(Int* to, Ints value) { *reinterpret_cast<IntsInMemory*>(to) = value; }

EMC_INLINE Floats broadcast(Real value) {
  Floats all;
  EMC_UNROLL for (int i = 0; i < lanes; ++i) all[i] = value;
  return all;
}

EMC_INLINE Ints lane_numbers() {
  Ints numbers;
  EMC_UNROLL for (int i = 0; i < lanes; ++i) numbers[i] = i;
  return numbers;
}

template <class Vector>
EMC_INLINE auto sum(Vector value) {
  auto total = value[0];
  EMC_UNROLL for (int i = 1; i < lanes; ++i) total += value[i];
  return total;
}

// All bits set in the lanes below `count`.
EMC_INLINE Ints first_lanes(int count) { return lane_numbers() < count; }

// The part of a row's vector at `column` that lies before column `Count`; zero beyond it.
template <int Count>
EMC_INLINE Floats only_first(int column, Floats value) {
  if constexpr (Count % lanes == 0) return value;
  return first_lanes(Count - column) ? value : Floats{};
}

EMC_INLINE Floats to_floats(Ints value) { return __builtin_convertvector(value, Floats); }

EMC_INLINE Floats square_root(Floats x) {
  EMC_UNROLL for (int i = 0; i < lanes; ++i)
    x[i] = sizeof(Real) == 4 ? __builtin_sqrtf(x[i]) : __builtin_sqrt(x[i]);
  return x;
}

// Lanes picked from `a` (0 to lanes - 1) and `b` (lanes and up).
template <int... Index>
EMC_INLINE Floats shuffle(Floats a, Floats b) {
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(a, b, Index...);
#else
  return __builtin_shuffle(a, b, Ints{Index...});
#endif
}

// Swaps, between two rows `Distance` apart, the lanes off the diagonal of their 2x2 blocks.
template <int Distance, int... Lane>
EMC_INLINE void exchange(Floats& a, Floats& b, std::integer_sequence<int, Lane...>) {
  const Floats low = shuffle<((Lane & Distance) ? lanes + Lane - Distance : Lane)...>(a, b);
  const Floats high = shuffle<((Lane & Distance) ? lanes + Lane : Lane + Distance)...>(a, b);
  a = low;
  b = high;
}

// Transposes a square of lanes x lanes numbers, log2(lanes) rounds of exchanges.
template <int Distance = 1>
EMC_INLINE void transpose(Floats (&rows)[lanes]) {
  EMC_UNROLL for (int i = 0; i < lanes; ++i) {
    if (!(i & Distance))
      exchange<Distance>(rows[i], rows[i + Distance], std::make_integer_sequence<int, lanes>{});
  }
  if constexpr (2 * Distance < lanes) transpose<2 * Distance>(rows);
}

// The sum of each of `lanes` vectors, one per lane: half as many vectors after each round.
template <int Distance = 1>
EMC_INLINE Floats sums(Floats (&rows)[lanes]) {
  EMC_UNROLL for (int i = 0; i < lanes; i += 2 * Distance) {
    exchange<Distance>(rows[i], rows[i + Distance], std::make_integer_sequence<int, lanes>{});
    rows[i] += rows[i + Distance];
  }
  if constexpr (2 * Distance < lanes) return sums<2 * Distance>(rows);
  return rows[0];
}

// `lanes` rows of `Columns` numbers, padded to whole vectors, to one vector per column, and back with
// zeros for the padding.
template <int Columns>
inline void rows_to_lanes(const Real* rows, Real* to) {
  constexpr int stride = round_up(Columns, lanes);
  for (int column = 0; column < Columns; column += lanes) {
    Floats square[lanes];
    EMC_UNROLL for (int i = 0; i < lanes; ++i) square[i] = load(rows + i * stride + column);
    transpose(square);
    for (int i = 0; i < lanes && column + i < Columns; ++i)
      store(to + (column + i) * lanes, square[i]);
  }
}

template <int Columns>
inline void lanes_to_rows(const Real* from, Real* rows) {
  constexpr int stride = round_up(Columns, lanes);
  for (int column = 0; column < Columns; column += lanes) {
    Floats square[lanes];
    EMC_UNROLL for (int i = 0; i < lanes; ++i)
      square[i] = column + i < Columns ? load(from + (column + i) * lanes) : Floats{};
    transpose(square);
    EMC_UNROLL for (int i = 0; i < lanes; ++i) store(rows + i * stride + column, square[i]);
  }
}

}  // namespace emc

#endif

#if !defined(__CUDACC_RTC__)
#include <cstring>
#endif

namespace emc {

EMC_INLINE Floats bits_to_floats(Ints bits) {
  Floats value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

EMC_INLINE Ints floats_to_bits(Floats value) {
  Ints bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace emc
