// Matrices cut into panels of columns, and the three products of a dense layer in registers.
#pragma once

#include <type_traits>

#include "vector.hpp"

namespace emc {

// A tile of sums held in registers: `tile_rows` x `tile_vectors` vectors leave some for the
// operands. Samples come in whole vectors, so that a vector's lanes are a multiple of the rows.
constexpr int tile_rows = registers == 32 && lanes >= 8 ? 8 : 4;
constexpr int tile_vectors = registers == 32 && lanes < 8 ? 4 : 2;
static_assert(lanes % tile_rows == 0);

// Calls visit(width, first) for every strip of `Step` out of `Count`; `width` is a compile-time
// constant: `Step`, and at the end what remains.
template <int Count, int Step, class Visit>
EMC_INLINE void for_strips(Visit visit) {
  for (int first = 0; first + Step <= Count; first += Step)
    visit(std::integral_constant<int, Step>{}, first);
  if constexpr (Count % Step != 0)
    visit(std::integral_constant<int, Count % Step>{}, Count - Count % Step);
}

// A Rows x Columns matrix whose columns are padded with zeros to whole vectors and stored panel
// after panel, each `tile_vectors` vectors wide (the last may be narrower), row by row.
template <int Rows, int Columns>
struct Panels {
  static constexpr int vectors = ceil_div(Columns, lanes);
  static constexpr int columns = vectors * lanes;
  static constexpr int size = Rows * columns;

  static constexpr int panel(int vector) { return vector * lanes * Rows; }

  static constexpr int at(int row, int column) {
    const int vector = column / lanes / tile_vectors * tile_vectors;
    const int width = vectors - vector < tile_vectors ? vectors - vector : tile_vectors;
    return panel(vector) + row * width * lanes + column - vector * lanes;
  }
};

// Where the rows of a left operand lie: gathered from anywhere, or one after the other.
struct Gathered {
  const float* const* rows;
  EMC_INLINE const float* operator()(int row) const { return rows[row]; }
};

template <int Stride>
struct Consecutive {
  const float* first;
  EMC_INLINE const float* operator()(int row) const { return first + row * Stride; }
};

// The vectors that lie one after the other from `first`.
EMC_INLINE auto vectors_at(const float* first) {
  return [=](int v) { return load(first + v * lanes); };
}

template <int Height, int Width>
struct Tile {
  Floats sums[Height][Width];

  template <class Value>
  EMC_INLINE void fill(Value value) {
    EMC_UNROLL for (int i = 0; i < Height; ++i) {
      EMC_UNROLL for (int v = 0; v < Width; ++v) sums[i][v] = value(v);
    }
  }

  template <class Visit>
  EMC_INLINE void each(Visit visit) {
    EMC_UNROLL for (int i = 0; i < Height; ++i) {
      EMC_UNROLL for (int v = 0; v < Width; ++v) visit(i, v, sums[i][v]);
    }
  }

  // sums += column * row, an outer product: `column(i)` are scalars or vectors, `row(v)` vectors.
  template <class Column, class Row>
  EMC_INLINE void add_outer(Column column, Row row) {
    Floats right[Width];
    EMC_UNROLL for (int v = 0; v < Width; ++v) right[v] = row(v);
    EMC_UNROLL for (int i = 0; i < Height; ++i) {
      const auto left = column(i);
      EMC_UNROLL for (int v = 0; v < Width; ++v) sums[i][v] += left * right[v];
    }
  }
};

// left [rows, Depth] times right [Depth, Columns], plus start(column): each vector of the product
// goes to finish(row, column, vector). `rows` are whole tiles.
template <int Depth, int Columns, class Left, class Start, class Finish>
inline void multiply(Left left, int rows, const float* right, Start start, Finish finish) {
  for_strips<Panels<Depth, Columns>::vectors, tile_vectors>([&](auto width, int vector) {
    const float* panel = right + Panels<Depth, Columns>::panel(vector);
    for (int row = 0; row < rows; row += tile_rows) {
      const float* source[tile_rows];
      EMC_UNROLL for (int i = 0; i < tile_rows; ++i) source[i] = left(row + i);
      Tile<tile_rows, width> tile;
      tile.fill([&](int v) { return start((vector + v) * lanes); });
      for (int k = 0; k < Depth; ++k)
        tile.add_outer([&](int i) { return source[i][k]; }, vectors_at(panel + k * width * lanes));
      tile.each([&](int i, int v, Floats sum) { finish(row + i, (vector + v) * lanes, sum); });
    }
  });
}

// product += left^T [Rows, samples] times right [samples, Columns], stored in panels.
template <int Rows, int Columns, class Left>
inline void add_transposed_product(Left left, int samples, const float* right, float* product) {
  using Product = Panels<Rows, Columns>;
  for_strips<Rows, tile_rows>([&](auto height, int row) {
    for_strips<Product::vectors, tile_vectors>([&](auto width, int vector) {
      Tile<height, width> tile;
      tile.fill([](int) { return Floats{}; });
      for (int s = 0; s < samples; ++s) {
        const float* source = left(s) + row;
        tile.add_outer([&](int i) { return source[i]; },
                       vectors_at(right + s * Product::columns + vector * lanes));
      }
      float* panel = product + Product::panel(vector) + row * width * lanes;
      tile.each([&](int i, int v, Floats sum) {
        float* place = panel + (i * width + v) * lanes;
        store(place, load(place) + sum);
      });
    });
  });
}

// sums += the sum of an even number of rows of `Columns` numbers, whole vectors.
template <int Columns>
inline void add_column_sums(const float* from, int rows, float* sums) {
  for (int column = 0; column < Columns; column += lanes) {
    Floats even{}, odd{};
    for (int row = 0; row < rows; row += 2) {
      even += load(from + row * Columns + column);
      odd += load(from + (row + 1) * Columns + column);
    }
    store(sums + column, load(sums + column) + (even + odd));
  }
}

// to = from^T, both in panels.
template <int Rows, int Columns>
inline void transpose_panels(const float* from, float* to) {
  for (int row = 0; row < Rows; row += lanes) {
    for (int column = 0; column < Columns; column += lanes) {
      Floats square[lanes];
      for (int i = 0; i < lanes; ++i)
        square[i] = row + i < Rows ? load(from + Panels<Rows, Columns>::at(row + i, column))
                                   : Floats{};
      transpose(square);
      for (int i = 0; i < lanes && column + i < Columns; ++i)
        store(to + Panels<Columns, Rows>::at(column + i, row), square[i]);
    }
  }
}

}  // namespace emc
