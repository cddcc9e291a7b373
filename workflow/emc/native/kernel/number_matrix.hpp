// Products of matrices of numbers, sizes known at run time.
#pragma once

#include "linear.hpp"

namespace emc {

// A matrix of numbers in memory.
template <class Number>
struct NumberMatrix {
  Number* first;
  int row, column;

  EMC_INLINE Number& at(int i, int j) const { return first[i * row + j * column]; }
  NumberMatrix transposed() const { return {first, column, row}; }
};

// product = left [rows, depth] times right [depth, columns], times `scale`.
template <class Number>
inline void multiply_numbers(int rows, int depth, int columns, NumberMatrix<Number> left,
                             NumberMatrix<Number> right, Real scale,
                             NumberMatrix<Number> product) {
  constexpr int tile = is_dual<Number> ? 2 : registers == 32 ? 4 : 3;
  in_even_strips<tile>(rows, [&](auto height, int i) {
    in_even_strips<tile>(columns, [&](auto width, int j) {
      constexpr int high = height, wide = width;
      Number sums[high][wide] = {};
      for (int k = 0; k < depth; ++k) {
        EMC_UNROLL for (int a = 0; a < high; ++a) {
          const Number from_left = left.at(i + a, k);
          EMC_UNROLL for (int b = 0; b < wide; ++b) sums[a][b] += from_left * right.at(k, j + b);
        }
      }
      EMC_UNROLL for (int a = 0; a < high; ++a) {
        EMC_UNROLL for (int b = 0; b < wide; ++b) product.at(i + a, j + b) = sums[a][b] * scale;
      }
    });
  });
}

}  // namespace emc
