// Convolution stages: 3x3 convolution padded by one pixel, activation, 2x2 max-pooling. Every
// vector holds one pixel of `lanes` samples, so that nothing is wasted whatever the sizes are.
#pragma once

#include <algorithm>

#include "matrix.hpp"
#include "stage.hpp"

namespace emc {

// A tile of sums in registers: 2x2 pixels of `tile_channels` channels, or the nine taps of
// `tap_channels` channels.
constexpr int tile_channels = registers == 32 ? 4 : 3;
constexpr int tap_channels = registers == 32 ? 2 : 1;

constexpr int even(int size) { return size + size % 2; }

// Images of `Channels` x `Height` x `Width` vectors inside a border of zeros.
template <int Channels, int Height, int Width, int Border>
struct Grid {
  static constexpr int pitch = (Width + 2 * Border) * lanes;
  static constexpr int plane = (Height + 2 * Border) * pitch;
  static constexpr int size = Channels * plane;

  static constexpr int at(int channel, int y, int x) {
    return channel * plane + (y + Border) * pitch + (x + Border) * lanes;
  }
};

// Weights regrouped for tiles: for each strip of output channels and each input channel, the nine
// taps of every channel of the strip.
template <int Inputs, int Outputs>
struct Taps {
  static constexpr int size = Inputs * Outputs * taps;

  static constexpr int at(int output, int input, int tap) {
    const int strip = output / tile_channels * tile_channels;
    const int width = Outputs - strip < tile_channels ? Outputs - strip : tile_channels;
    return (strip * Inputs + input * width) * taps + tap * width + output - strip;
  }
};

// sums[channel][pixel] += the convolution at 2x2 pixels, whose 4x4 patch begins at `input`.
template <class InputGrid, int Inputs, int Channels>
EMC_INLINE void add_convolution(const float* input, const float* weights,
                                Floats (&sums)[Channels][4]) {
  for (int i = 0; i < Inputs; ++i, input += InputGrid::plane, weights += taps * Channels) {
    EMC_UNROLL for (int tap = 0; tap < taps; ++tap) {
      const float* corner = input + tap / 3 * InputGrid::pitch + tap % 3 * lanes;
      Floats pixels[4];
      EMC_UNROLL for (int p = 0; p < 4; ++p)
        pixels[p] = load(corner + p / 2 * InputGrid::pitch + p % 2 * lanes);
      EMC_UNROLL for (int c = 0; c < Channels; ++c) {
        const float weight = weights[tap * Channels + c];
        EMC_UNROLL for (int p = 0; p < 4; ++p) sums[c][p] += weight * pixels[p];
      }
    }
  }
}

template <int Inputs, int Outputs, int Height, int Width, class Activation, bool Bias>
struct Conv {
  using Slope = Activation;

  static constexpr int inputs = Inputs, outputs = Outputs, height = Height, width = Width;
  static constexpr int pooled_height = Height / 2, pooled_width = Width / 2;
  static constexpr int weights = Inputs * Outputs * taps;
  static constexpr int size = round_up(weights + Outputs, lanes);
  static constexpr int plain_size = weights + (Bias ? Outputs : 0);

  using Forward = Taps<Inputs, Outputs>;
  using Backward = Taps<Outputs, Inputs>;
  using Input = Grid<Inputs, even(Height), even(Width), 1>;
  using Delta = Grid<Outputs, even(Height), even(Width), 1>;
  using PooledGrid = Grid<Outputs, pooled_height, pooled_width, 0>;

  // From and to torch's layout: weight [outputs, inputs, 3, 3], then the bias.
  static const float* read(const float* plain, float* parameters) {
    std::copy_n(plain, plain_size, parameters);
    return plain + plain_size;
  }

  static float* write(const float* parameters, float* plain) {
    return std::copy_n(parameters, plain_size, plain);
  }

  static void regroup_forward(const float* parameters, float* regrouped) {
    each_tap([&](int o, int i, int tap, int place) {
      regrouped[Forward::at(o, i, tap)] = parameters[place];
    });
  }

  // The gradient by the inputs is a convolution by the weights turned half around.
  static void regroup_backward(const float* parameters, float* regrouped) {
    each_tap([&](int o, int i, int tap, int place) {
      regrouped[Backward::at(i, o, taps - 1 - tap)] = parameters[place];
    });
  }

  // Each pooled vector goes to finish(channel, y, x, pooled).
  template <class Finish>
  static void forward(const float* input, const float* regrouped, const float* parameters,
                      Finish finish) {
    for_strips<Outputs, tile_channels>([&](auto channels, int first) {
      forward_strip<channels>(input, regrouped + Forward::at(first, 0, 0),
                              parameters + weights + first,
                              [&](int c, int y, int x, const Pooled<Activation>& pooled) {
                                finish(first + c, y, x, pooled);
                              });
    });
  }

  // `delta` is the gradient by the pooled sums, `places` where each of them came from.
  static void add_gradient(const float* input, const float* delta, const int32_t* places,
                           float* gradient) {
    for (int i = 0; i < Inputs; ++i) {
      for_strips<Outputs, tap_channels>([&](auto channels, int first) {
        add_tap_gradient<channels>(input + Input::at(i, -1, -1), i, first, delta, places, gradient);
      });
    }
    for (int o = 0; Bias && o < Outputs; ++o)
      gradient[weights + o] += plane_sum(delta + PooledGrid::at(o, 0, 0));
  }

  // Spreads the gradient by the pooled sums over the pixels they came from.
  static void unpool(const float* delta, const int32_t* places, float* unpooled) {
    each_pooled([&](int o, int y, int x) {
      const int from = PooledGrid::at(o, y, x);
      EMC_UNROLL for (int i = 0; i < 4; ++i)
        store(unpooled + Delta::at(o, 2 * y + i / 2, 2 * x + i % 2),
              load(places + from) == i ? load(delta + from) : Floats{});
    });
  }

  // Each vector of the gradient by the inputs goes to finish(channel, y, x, vector).
  template <class Finish>
  static void input_gradient(const float* unpooled, const float* regrouped, Finish finish) {
    for_strips<Inputs, tile_channels>([&](auto channels, int first) {
      input_gradient_strip<channels>(
          unpooled, regrouped + Backward::at(first, 0, 0),
          [&](int c, int y, int x, Floats value) { finish(first + c, y, x, value); });
    });
  }

  template <class Visit>
  static EMC_INLINE void each_pooled(Visit visit) {
    for (int o = 0; o < Outputs; ++o)
      for (int y = 0; y < pooled_height; ++y)
        for (int x = 0; x < pooled_width; ++x) visit(o, y, x);
  }

 private:
  template <class Visit>
  static void each_tap(Visit visit) {
    int place = 0;
    for (int o = 0; o < Outputs; ++o)
      for (int i = 0; i < Inputs; ++i)
        for (int tap = 0; tap < taps; ++tap) visit(o, i, tap, place++);
  }

  template <int Channels, class Finish>
  static EMC_INLINE void forward_strip(const float* input, const float* strip_weights,
                                       const float* bias, Finish finish) {
    for (int y = 0; y < pooled_height; ++y) {
      for (int x = 0; x < pooled_width; ++x) {
        Floats sums[Channels][4];
        EMC_UNROLL for (int c = 0; c < Channels; ++c) {
          EMC_UNROLL for (int i = 0; i < 4; ++i) sums[c][i] = broadcast(bias[c]);
        }
        add_convolution<Input, Inputs, Channels>(input + Input::at(0, 2 * y - 1, 2 * x - 1),
                                                 strip_weights, sums);
        EMC_UNROLL for (int c = 0; c < Channels; ++c)
          finish(c, y, x, Pooled<Activation>(sums[c]));
      }
    }
  }

  template <int Channels, class Finish>
  static EMC_INLINE void input_gradient_strip(const float* unpooled, const float* strip_weights,
                                              Finish finish) {
    for (int y = 0; y < Height; y += 2) {
      for (int x = 0; x < Width; x += 2) {
        Floats sums[Channels][4] = {};
        add_convolution<Delta, Outputs, Channels>(unpooled + Delta::at(0, y - 1, x - 1),
                                                  strip_weights, sums);
        EMC_UNROLL for (int i = 0; i < 4; ++i) {
          if (y + i / 2 >= Height || x + i % 2 >= Width) continue;
          EMC_UNROLL for (int c = 0; c < Channels; ++c)
            finish(c, y + i / 2, x + i % 2, sums[c][i]);
        }
      }
    }
  }

  template <int Channels>
  static void add_tap_gradient(const float* input, int i, int first, const float* delta,
                               const int32_t* places, float* gradient) {
    Floats sums[Channels][taps] = {};
    for (int y = 0; y < pooled_height; ++y) {
      for (int x = 0; x < pooled_width; ++x) {
        const float* patch = input + 2 * y * Input::pitch + 2 * x * lanes;
        EMC_UNROLL for (int pixel = 0; pixel < 4; ++pixel) {
          Floats share[Channels];
          EMC_UNROLL for (int c = 0; c < Channels; ++c) {
            const int from = PooledGrid::at(first + c, y, x);
            share[c] = load(places + from) == pixel ? load(delta + from) : Floats{};
          }
          const float* corner = patch + pixel / 2 * Input::pitch + pixel % 2 * lanes;
          EMC_UNROLL for (int tap = 0; tap < taps; ++tap) {
            const Floats value = load(corner + tap / 3 * Input::pitch + tap % 3 * lanes);
            EMC_UNROLL for (int c = 0; c < Channels; ++c) sums[c][tap] += share[c] * value;
          }
        }
      }
    }
    EMC_UNROLL for (int c = 0; c < Channels; ++c) {
      EMC_UNROLL for (int tap = 0; tap < taps; ++tap)
        gradient[((first + c) * Inputs + i) * taps + tap] += sum(sums[c][tap]);
    }
  }

  static float plane_sum(const float* plane) {
    Floats total{};
    for (int place = 0; place < PooledGrid::plane; place += lanes) total += load(plane + place);
    return sum(total);
  }
};

// Stages one after the other for `lanes` samples. What the last one leaves is pixel after pixel
// of every channel, as torch flattens it, a vector each. `InputGradient` says whether the gradient
// by the images will be asked for.
template <bool InputGradient, class... Convolutions>
class StageChain {
 public:
  static constexpr int size = 0;
};

template <bool InputGradient, class Stage, class... Rest>
class StageChain<InputGradient, Stage, Rest...> {
  static constexpr bool is_last = sizeof...(Rest) == 0;
  using Next = StageChain<true, Rest...>;
  using Activation = typename Stage::Slope;
  using PooledGrid = typename Stage::PooledGrid;

  static constexpr int next_outputs() {
    if constexpr (is_last) return PooledGrid::size / lanes;
    else return Next::outputs;
  }

 public:
  using Input = typename Stage::Input;
  using First = Stage;
  static constexpr int size = Stage::size + Next::size;
  static constexpr int inputs = Stage::inputs * Stage::height * Stage::width;
  static constexpr int outputs = next_outputs();

  static const float* read(const float* plain, float* parameters) {
    plain = Stage::read(plain, parameters);
    if constexpr (!is_last) plain = Next::read(plain, parameters + Stage::size);
    return plain;
  }

  static float* write(const float* parameters, float* plain) {
    plain = Stage::write(parameters, plain);
    if constexpr (!is_last) plain = Next::write(parameters + Stage::size, plain);
    return plain;
  }

  // What forward needs from new parameters.
  void prepare_forward(const float* parameters) {
    Stage::regroup_forward(parameters, forward_weights_);
    if constexpr (!is_last) next_.prepare_forward(parameters + Stage::size);
  }

  // What backward needs from new parameters.
  void prepare_backward(const float* parameters) {
    if constexpr (InputGradient) Stage::regroup_backward(parameters, backward_weights_);
    if constexpr (!is_last) next_.prepare_backward(parameters + Stage::size);
  }

  // The images that forward sees, inside their border.
  float* input() { return input_; }

  void forward(const float* parameters) {
    Stage::forward(input_, forward_weights_, parameters,
                   [&](int channel, int y, int x, const Pooled<Activation>& pooled) {
                     const int place = PooledGrid::at(channel, y, x);
                     store(places_ + place, pooled.place);
                     if constexpr (!Activation::from_output) store(kept_ + place, pooled.input);
                     store(output_at(channel, y, x), pooled.output);
                   });
    if constexpr (!is_last) next_.forward(parameters + Stage::size);
  }

  // Adds to the gradient, given that output_delta() holds the gradient by the outputs.
  void backward(float* gradient) {
    if constexpr (!is_last) {
      next_.backward(gradient + Stage::size);
      next_.input_gradient([&](int channel, int y, int x, Floats value) {
        store(delta_ + PooledGrid::at(channel, y, x), value);
      });
    }
    Stage::each_pooled([&](int channel, int y, int x) {
      const int place = PooledGrid::at(channel, y, x);
      const float* kept = Activation::from_output ? output_at(channel, y, x) : kept_ + place;
      store(delta_ + place, load(delta_ + place) * Activation::slope(load(kept)));
    });
    Stage::add_gradient(input_, delta_, places_, gradient);
  }

  template <class Finish>
  void input_gradient(Finish finish) {
    Stage::unpool(delta_, places_, unpooled_);
    Stage::input_gradient(unpooled_, backward_weights_, finish);
  }

  const float* output() const {
    if constexpr (is_last) return output_;
    else return next_.output();
  }

  float* output_delta() {
    if constexpr (is_last) return delta_;
    else return next_.output_delta();
  }

 private:
  float* output_at(int channel, int y, int x) {
    if constexpr (is_last) return output_ + PooledGrid::at(channel, y, x);
    else return next_.input() + Next::Input::at(channel, y, x);
  }

  alignas(64) float input_[Input::size] = {};
  alignas(64) float output_[is_last ? PooledGrid::size : 1];
  alignas(64) float kept_[Activation::from_output ? 1 : PooledGrid::size];
  alignas(64) int32_t places_[PooledGrid::size];
  alignas(64) float delta_[PooledGrid::size];
  alignas(64) float unpooled_[InputGradient ? Stage::Delta::size : 1] = {};
  alignas(64) float forward_weights_[Stage::Forward::size];
  alignas(64) float backward_weights_[InputGradient ? Stage::Backward::size : 1];
  Next next_;
};

template <class... Convolutions>
using Stages = StageChain<false, Convolutions...>;

}  // namespace emc
