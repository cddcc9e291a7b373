// The products of a linear layer, sizes known at run time. A lane is a sample, so that no size
// wastes any; a layer sums over terms, each a feature or a feature's neighbouring pixel, that lie
// at fixed offsets from a place.
#pragma once

#include <algorithm>
#include <vector>

#include "numbers.hpp"

namespace emc {

// Places of vectors, row by row: `outer` times `inner` rows of `length` neighbours. Two grids are
// walked at once, each with strides of its own.
struct Walk {
  int outer, inner, length;
  int from_outer, from_inner, to_outer, to_inner;

  // Calls visit(from, to) at the start of every row.
  template <class Visit>
  EMC_INLINE void rows(Visit visit) const {
    for (int a = 0; a < outer; ++a)
      for (int b = 0; b < inner; ++b)
        visit(a * from_outer + b * from_inner, a * to_outer + b * to_inner);
  }
};

// Calls visit with `size`, from 1 to `Most`, as a compile-time constant.
template <int Most, class Visit>
EMC_INLINE void with_size(int size, Visit visit) {
  if constexpr (Most > 1) {
    if (size < Most) return with_size<Most - 1>(size, visit);
  }
  visit(std::integral_constant<int, Most>{});
}

// Calls visit(size, first) for `count` things in strips of at most `Most`, about equally many
// each; the size is a compile-time constant.
template <int Most, class Visit>
EMC_INLINE void in_even_strips(int count, Visit visit) {
  const int strips = (count + Most - 1) / Most;
  for (int strip = 0, first = 0; strip < strips; ++strip) {
    const int size = (count - first) / (strips - strip);
    with_size<Most>(size, [&](auto constant) { visit(constant, first); });
    first += size;
  }
}

// A tile of sums in registers: outputs times neighbours.
constexpr int tile_outputs = registers == 32 ? 6 : 3;
template <class Number>
constexpr int tile_length = is_dual<Number> ? 2 : 4;

template <int Outputs, int Length, class Number, class Input>
EMC_INLINE void multiply_tile(const Input* from, const int* offsets, int terms,
                              Weights<Number> weights, const Number* start, Number* to,
                              int to_stride) {
  Number sums[Outputs][Length];
  EMC_UNROLL for (int o = 0; o < Outputs; ++o) {
    EMC_UNROLL for (int v = 0; v < Length; ++v) sums[o][v] = start[o];
  }
  for (int k = 0; k < terms; ++k) {
    const Input* place = from + offsets[k];
    EMC_UNROLL for (int o = 0; o < Outputs; ++o) {
      EMC_UNROLL for (int v = 0; v < Length; ++v)
        weights.add(o * int64_t(terms) + k, place[v], sums[o][v]);
    }
  }
  EMC_UNROLL for (int o = 0; o < Outputs; ++o) {
    EMC_UNROLL for (int v = 0; v < Length; ++v) to[o * to_stride + v] = sums[o][v];
  }
}

// to[output] = bias[output] + sum over terms of weights[output, term] * from[term], everywhere on
// the walk. `has_bias` says whether there are biases.
template <class Number, class Input>
inline void multiply(const Walk& walk, const Input* from, const int* offsets, int terms,
                     Weights<Number> weights, bool has_bias, Weights<Number> bias, int outputs,
                     Number* to, int to_stride) {
  walk.rows([&](int in, int out) {
    in_even_strips<tile_outputs>(outputs, [&](auto height, int first) {
      constexpr int strip = height;
      Number start[strip] = {};
      for (int o = 0; has_bias && o < strip; ++o) start[o] = bias[first + o];
      const Weights<Number> rows = weights.from(first * int64_t(terms));
      in_even_strips<tile_length<Number>>(walk.length, [&](auto width, int v) {
        multiply_tile<strip, width>(from + in + v, offsets, terms, rows, start,
                                    to + first * to_stride + out + v, to_stride);
      });
    });
  });
}

// Outputs whose sums fit into registers, one vector of terms each.
constexpr int gradient_outputs = std::max(1, (registers == 32 ? 24 : 12) / lanes);

EMC_INLINE void add_totals(Floats totals, int live, double* to) {
  if (live == lanes) {
    EMC_UNROLL for (int k = 0; k < lanes; ++k) to[k] += totals[k];
  } else {
    for (int k = 0; k < live; ++k) to[k] += totals[k];
  }
}

template <int Outputs, class Number, class Input>
EMC_INLINE void add_gradient_tile(const Walk& walk, const Number* delta, int delta_stride,
                                  const Input* from, const int (&offsets)[lanes], int live,
                                  double* gradient, int terms) {
  Floats partial[Outputs][lanes] = {};
  walk.rows([&](int in, int out) {
    for (int v = 0; v < walk.length; ++v) {
      Number slopes[Outputs];
      EMC_UNROLL for (int o = 0; o < Outputs; ++o) slopes[o] = delta[o * delta_stride + out + v];
      EMC_UNROLL for (int k = 0; k < lanes; ++k) {
        const Input x = from[offsets[k] + in + v];
        EMC_UNROLL for (int o = 0; o < Outputs; ++o)
          partial[o][k] += wanted_product(slopes[o], x);
      }
    }
  });
  EMC_UNROLL for (int o = 0; o < Outputs; ++o) {
    add_totals(sums(partial[o]), live, gradient + o * int64_t(terms));
  }
}

// gradient[output, term] += the sum of delta[output] * from[term] over the walk and the lanes.
template <class Number, class Input>
inline void add_gradient(const Walk& walk, const Number* delta, int delta_stride, int outputs,
                         const Input* from, const int* offsets, int terms, double* gradient) {
  for (int k = 0; k < terms; k += lanes) {
    int some[lanes];
    for (int i = 0; i < lanes; ++i) some[i] = offsets[std::min(k + i, terms - 1)];
    in_even_strips<gradient_outputs>(outputs, [&](auto height, int first) {
      add_gradient_tile<height>(walk, delta + first * delta_stride, delta_stride, from, some,
                                std::min(lanes, terms - k),
                                gradient + first * int64_t(terms) + k, terms);
    });
  }
}

// gradient[output] += the sum of delta[output] over the walk and the lanes.
template <class Number>
inline void add_bias_gradient(const Walk& walk, const Number* delta, int delta_stride,
                              int outputs, double* gradient) {
  for (int o = 0; o < outputs; ++o) {
    Floats total{};
    walk.rows([&](int, int out) {
      for (int v = 0; v < walk.length; ++v) total += wanted(delta[o * delta_stride + out + v]);
    });
    gradient[o] += sum(total);
  }
}

}  // namespace emc
