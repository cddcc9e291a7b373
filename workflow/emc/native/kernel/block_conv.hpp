// Stages computed by a block: an item is 2x2 pixels of a few channels, or the taps of two channels,
// its sums in registers. Images lie channel by channel without a border.
#pragma once

#include "block_dense.hpp"
#include "stage.hpp"

namespace emc {

// The 4x4 pixels around 2x2 of an image, the first of which is in the row 2 `y` and the column
// 2 `x`; zero outside of the image.
template <int Height, int Width>
struct Patch {
  float pixels[4][4];

  EMC_INLINE Patch(const float* image, int y, int x) {
    EMC_UNROLL for (int r = 0; r < 4; ++r) {
      EMC_UNROLL for (int c = 0; c < 4; ++c) {
        const int row = 2 * y - 1 + r, column = 2 * x - 1 + c;
        const bool there = row >= 0 && row < Height && column >= 0 && column < Width;
        pixels[r][c] = there ? image[row * Width + column] : 0.0f;
      }
    }
  }
};

// The same of a gradient by the sums of a convolution, of which pooling let one in four pass:
// windows of 2x2 have its value, and where in them it was.
template <int Height, int Width>
struct UnpooledPatch {
  float pixels[4][4] = {};

  EMC_INLINE UnpooledPatch(const float* delta, const unsigned char* places, int y, int x) {
    EMC_UNROLL for (int r = 0; r < 3; ++r) {
      EMC_UNROLL for (int c = 0; c < 3; ++c) {
        const int row = y - 1 + r, column = x - 1 + c;
        const bool there = row >= 0 && row < Height && column >= 0 && column < Width;
        const float value = there ? delta[row * Width + column] : 0.0f;
        const int place = there ? places[row * Width + column] : 0;
        spread(2 * r - 1, 2 * c - 1, value, place);
      }
    }
  }

 private:
  // To the pixels of the window at (r, c) that belong to the patch.
  EMC_INLINE void spread(int r, int c, float value, int place) {
    EMC_UNROLL for (int i = 0; i < 4; ++i) {
      const int row = r + i / 2, column = c + i % 2;
      if (row >= 0 && row < 4 && column >= 0 && column < 4)
        pixels[row][column] = place == i ? value : 0.0f;
    }
  }
};

template <int Inputs, int Outputs, int Height, int Width, class Activation, bool Bias>
struct BlockConv : BlockWeights<Inputs * taps, Outputs, Bias> {
  using Slope = Activation;
  using Weights = BlockWeights<Inputs * taps, Outputs, Bias>;
  static constexpr int stride = Weights::stride;
  static constexpr int pooled_height = Height / 2, pooled_width = Width / 2;
  static constexpr int image = Height * Width, pooled = pooled_height * pooled_width;
  static constexpr int inputs = Inputs * image, pitch = odd(Outputs * pooled), places = pitch;
  // The taps of a pair of channels, and a bias, are summed up in as many parts.
  static constexpr int pairs = Inputs * Outputs, parts = parts_of(pairs), items = pairs * parts;
  static constexpr int scratch = parts > 1 ? items * (taps + 1) : 0;

  static void forward(const Block& block, int rows, const float* x, const float* weights,
                      const KeptRows& kept, float*) {
    constexpr int wide = Outputs < 4 ? Outputs : 4, strips = ceil_div(Outputs, wide);
    block.each(rows * strips * pooled, [&](int item) {
      const int pixel = item % pooled, first = item / pooled % strips * wide;
      const int row = item / pooled / strips;
      float sums[wide][4];
      EMC_UNROLL for (int c = 0; c < wide; ++c) {
        const float bias = weights[Weights::bias + inside(first + c, Outputs)];
        EMC_UNROLL for (int i = 0; i < 4; ++i) sums[c][i] = bias;
      }
      EMC_ROLLED for (int i = 0; i < Inputs; ++i) {
        const Patch<Height, Width> patch(x + row * odd(inputs) + i * image, pixel / pooled_width,
                                         pixel % pooled_width);
        add_taps(
            [&](int tap, int c) {
              return weights[(i * taps + tap) * stride + inside(first + c, Outputs)];
            },
            [&](int y, int x) { return patch.pixels[y][x]; }, sums);
      }
      EMC_UNROLL for (int c = 0; c < wide; ++c)
        if (first + c < Outputs)
          keep(Pooled<Activation>(sums[c]), row * pitch + (first + c) * pooled + pixel, kept);
    });
  }

  // Sets the gradient, or adds to it, from that of the pooled sums.
  static void add_gradient(const Block& block, int rows, const float* x, const KeptRows& kept,
                           float* gradient, bool first, float* partial) {
    const auto add = [&](int pair, int tap, float sum) {
      const int input = pair % Inputs, output = pair / Inputs;
      if (tap == taps && (input || !Bias)) return;
      float& total = gradient[(tap < taps ? input * taps + tap : Inputs * taps) * stride + output];
      total = first ? sum : total + sum;
    };
    block.each(items, [&](int item) {
      const int part = item % parts, pair = item / parts;
      const int input = pair % Inputs, output = pair / Inputs;
      float sums[taps + 1] = {};
      EMC_ROLLED for (int i = part; i < rows * pooled; i += parts)
        add_pixel(x + i / pooled * odd(inputs) + input * image, i % pooled,
                  i / pooled * pitch + output * pooled + i % pooled, kept, sums);
      EMC_UNROLL for (int tap = 0; tap <= taps; ++tap) {
        if constexpr (parts > 1) partial[tap * items + item] = sums[tap];
        else add(pair, tap, sums[tap]);
      }
    });
    if constexpr (parts > 1) {
      block.each(pairs * (taps + 1), [&](int i) {
        const int tap = i / pairs, pair = i % pairs;
        float sum = 0;
        for (int part = 0; part < parts; ++part) sum += partial[tap * items + pair * parts + part];
        add(pair, tap, sum);
      });
    }
  }

  // The delta of the layer before, in place of its outputs: a convolution by the weights turned
  // half around.
  template <class Before>
  static void input_delta(const Block& block, int rows, const KeptRows& before,
                          const float* weights, const KeptRows& kept) {
    constexpr int wide = Inputs < 4 ? Inputs : 4, strips = ceil_div(Inputs, wide);
    constexpr int across = ceil_div(Width, 2), tiles = ceil_div(Height, 2) * across;
    block.each(rows * strips * tiles, [&](int item) {
      const int y = item % tiles / across, x = item % tiles % across;
      const int first = item / tiles % strips * wide, row = item / tiles / strips;
      float sums[wide][4] = {};
      EMC_ROLLED for (int o = 0; o < Outputs; ++o) {
        const int plane = row * pitch + o * pooled;
        const UnpooledPatch<pooled_height, pooled_width> patch(kept.outputs + plane,
                                                               kept.places + plane, y, x);
        add_taps(
            [&](int tap, int c) {
              return weights[(inside(first + c, Inputs) * taps + tap) * stride + o];
            },
            [&](int y, int x) { return patch.pixels[3 - y][3 - x]; }, sums);
      }
      EMC_UNROLL for (int i = 0; i < 4; ++i) {
        // The patch was read from its last pixel on, and so were the four.
        const int row_of_pixel = 2 * y + 1 - i / 2, column = 2 * x + 1 - i % 2;
        if (row_of_pixel >= Height || column >= Width) continue;
        EMC_UNROLL for (int c = 0; c < wide; ++c)
          if (first + c < Inputs)
            pass_back<Before>(
                sums[c][i],
                row * odd(inputs) + (first + c) * image + row_of_pixel * Width + column, before);
      }
    });
  }

 private:
  // sums[channel][pixel] += the nine taps at 2x2 pixels of a patch.
  template <int Wide, class Weight, class Pixel>
  static EMC_INLINE void add_taps(Weight weight, Pixel pixel, float (&sums)[Wide][4]) {
    EMC_UNROLL for (int tap = 0; tap < taps; ++tap)
      EMC_UNROLL for (int c = 0; c < Wide; ++c) {
        const float factor = weight(tap, c);
        EMC_UNROLL for (int i = 0; i < 4; ++i)
          sums[c][i] += factor * pixel(i / 2 + tap / 3, i % 2 + tap % 3);
      }
  }

  static EMC_INLINE void keep(const Pooled<Activation>& found, int place, const KeptRows& kept) {
    kept.outputs[place] = found.output;
    kept.places[place] = found.place;
    if constexpr (!Activation::from_output) kept.slopes[place] = Activation::slope(found.input);
  }

  // sums[tap] += the gradient at a pooled pixel times the inputs around the pixel that it came
  // from; the last sum is that of gradients alone.
  static EMC_INLINE void add_pixel(const float* x, int pixel, int place, const KeptRows& kept,
                                   float (&sums)[taps + 1]) {
    const float delta = kept.outputs[place];
    const int from = kept.places[place];
    const int y = 2 * (pixel / pooled_width) + from / 2, z = 2 * (pixel % pooled_width) + from % 2;
    EMC_UNROLL for (int tap = 0; tap < taps; ++tap) {
      const int row = y - 1 + tap / 3, column = z - 1 + tap % 3;
      const bool there = row >= 0 && row < Height && column >= 0 && column < Width;
      sums[tap] += there ? delta * x[row * Width + column] : 0.0f;
    }
    sums[taps] += delta;
  }
};

}  // namespace emc
