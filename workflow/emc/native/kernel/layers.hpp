// Nets of 3x3 convolutions with 2x2 max-pooling and dense layers, sizes known at run time.
#pragma once

#include <vector>

#include "linear.hpp"

namespace emc {

// One layer of emc.nets.plan; mirrored by emc.native.operator. A dense layer is 1x1 pixel high.
struct LayerShape {
  int64_t is_conv, inputs, outputs, height, width;
  Activation activation;
  int64_t has_bias;

  int taps() const { return is_conv ? 9 : 1; }
  int terms() const { return inputs * taps(); }
  int64_t weights() const { return outputs * terms(); }
  int64_t size() const { return weights() + (has_bias ? outputs : 0); }
  int pooled_height() const { return is_conv ? height / 2 : 1; }
  int pooled_width() const { return is_conv ? width / 2 : 1; }
};

// Where the numbers of a layer lie: channels of groups of images, each inside a border of zeros
// where neighbours are looked at.
struct Grid {
  int channel, group, y, x, origin, size;

  Grid(int channels, int groups, int height, int width, int border)
      : channel(groups * (height + 2 * border) * (width + 2 * border)),
        group((height + 2 * border) * (width + 2 * border)),
        y(width + 2 * border),
        x(1),
        origin(border * (y + x)),
        size(channels * channel) {}

  // The same images flattened to features, as a dense layer after them takes them.
  static Grid flattened(int channels, int groups, int height, int width) {
    Grid grid(channels * height * width, groups, 1, 1, 0);
    grid.x = groups;
    grid.y = width * groups;
    grid.channel = height * width * groups;
    return grid;
  }

  int at(int channel_number, int group_number, int row, int column) const {
    return origin + channel_number * channel + group_number * group + row * y + column * x;
  }

  // The offset of every tap of every channel from a pixel.
  std::vector<int> offsets(int channels, int taps) const {
    std::vector<int> all;
    for (int c = 0; c < channels; ++c)
      for (int tap = 0; tap < taps; ++tap)
        all.push_back(c * channel + (taps == 1 ? 0 : (tap / 3 - 1) * y + (tap % 3 - 1) * x));
    return all;
  }
};

// The parameters in the kernel's precision, and each layer's weights turned around for the way
// back: the gradient by the inputs of a convolution is one by the weights turned half around.
class Parameters {
 public:
  void set(const double* parameters, const std::vector<LayerShape>& layers) {
    int64_t size = 0;
    for (const LayerShape& layer : layers) size += layer.size();
    plain.assign(parameters, parameters + size);
    turned.resize(size);
    int64_t first = 0;
    for (const LayerShape& layer : layers) {
      turn(layer, plain.data() + first, turned.data() + first);
      first += layer.size();
    }
  }

  std::vector<Real> plain, turned;

 private:
  static void turn(const LayerShape& layer, const Real* weights, Real* to) {
    const int taps = layer.taps();
    for (int i = 0; i < layer.inputs; ++i)
      for (int o = 0; o < layer.outputs; ++o)
        for (int tap = 0; tap < taps; ++tap)
          *to++ = weights[(o * layer.inputs + i) * taps + taps - 1 - tap];
  }
};

// One layer for up to `groups` groups of samples.
template <class Number>
class Layer {
 public:
  Layer(const LayerShape& shape, const Grid& input, int groups)
      : shape(shape),
        input(input),
        sums_(shape.outputs, groups, shape.height, shape.width, 0),
        delta_(shape.outputs, groups, shape.height, shape.width, shape.is_conv ? 1 : 0),
        offsets_(input.offsets(shape.inputs, shape.taps())),
        back_offsets_(delta_.offsets(shape.outputs, shape.taps())),
        sums(sums_.size),
        delta(delta_.size),
        slopes_(pooled_size(groups)),
        places_(shape.is_conv ? pooled_size(groups) : 0) {}

  template <class Input>
  void forward(const Input* from, int groups, Weights<Number> weights) {
    multiply(walk(groups, sums_), from + input.origin, offsets_.data(), shape.terms(), weights,
             shape.has_bias, weights.from(shape.weights()), shape.outputs, sums.data(),
             sums_.channel);
  }

  // Writes activated and pooled sums to where the next layer finds them.
  void activate_to(Number* to, const Grid& next, int groups) {
    with_activation(shape.activation, [&](auto activation) {
      each_pooled(groups, [&](int place, int o, int g, int y, int x) {
        Number kept = sums[sums_.at(o, g, y, x)];
        if (shape.is_conv) kept = pooled<activation>(place, o, g, y, x);
        const Activated<Number> activated = activate<activation>(kept);
        slopes_[place] = activated.slope;
        to[next.at(o, g, y, x)] = activated.output;
      });
    });
  }

  // From the gradient by the outputs, as the next layer's grid has it, to that by the sums.
  void take_back(const Number* received, const Grid& next, int groups) {
    each_pooled(groups, [&](int place, int o, int g, int y, int x) {
      const Number slope = slopes_[place] * received[next.at(o, g, y, x)];
      if (!shape.is_conv) {
        delta[delta_.at(o, g, y, x)] = slope;
        return;
      }
      for (int i = 0; i < 4; ++i)
        delta[delta_.at(o, g, 2 * y + i / 2, 2 * x + i % 2)] =
            where(places_[place] == i, slope, Number{});
    });
  }

  template <class Input>
  void add_to_gradient(const Input* from, int groups, double* gradient) const {
    const Walk both = walk(groups, delta_);
    const Number* first = delta.data() + delta_.origin;
    add_gradient(both, first, delta_.channel, shape.outputs, from + input.origin, offsets_.data(),
                 shape.terms(), gradient);
    if (shape.has_bias)
      add_bias_gradient(both, first, delta_.channel, shape.outputs, gradient + shape.weights());
  }

  // Writes the gradient by the inputs in their own grid.
  void give_back(Number* to, int groups, Weights<Number> turned) const {
    Walk back = walk(groups, delta_);
    std::swap(back.from_outer, back.to_outer);
    std::swap(back.from_inner, back.to_inner);
    multiply(back, delta.data() + delta_.origin, back_offsets_.data(),
             shape.outputs * shape.taps(), turned, false, turned, shape.inputs, to + input.origin,
             input.channel);
  }

  // How far apart the sums of two outputs of a sample lie; also the slopes, in a dense layer.
  int channel() const { return sums_.channel; }

  const LayerShape shape;
  const Grid input;

 private:
  int pooled_size(int groups) const {
    return shape.outputs * groups * shape.pooled_height() * shape.pooled_width();
  }

  Walk walk(int groups, const Grid& to) const {
    if (!shape.is_conv) return {1, 1, groups, 0, 0, 0, 0};
    return {groups, int(shape.height), int(shape.width), input.group, input.y, to.group, to.y};
  }

  template <class Visit>
  EMC_INLINE void each_pooled(int groups, Visit visit) const {
    const int high = shape.pooled_height(), wide = shape.pooled_width();
    int place = 0;
    for (int o = 0; o < shape.outputs; ++o)
      for (int g = 0; g < groups; ++g)
        for (int y = 0; y < high; ++y)
          for (int x = 0; x < wide; ++x) visit(place++, o, g, y, x);
  }

  // The sum with the first of the largest outputs among 2x2 pixels; a monotone activation would
  // not change which it is.
  template <Activation activation>
  EMC_INLINE Number pooled(int place, int o, int g, int y, int x) {
    const auto sum = [&](int i) { return sums[sums_.at(o, g, 2 * y + i / 2, 2 * x + i % 2)]; };
    const auto output = [](Number each) {
      return is_monotone(activation) ? value(each) : bend<activation>(value(each)).value;
    };
    Number best = sum(0);
    Floats largest = output(best);
    Ints which{};
    for (int i = 1; i < 4; ++i) {
      const Floats other = output(sum(i));
      const Ints larger = other > largest;
      best = where(larger, sum(i), best);
      largest = larger ? other : largest;
      which = larger ? Ints{} + i : which;
    }
    places_[place] = which;
    return best;
  }

  const Grid sums_, delta_;
  const std::vector<int> offsets_, back_offsets_;

 public:
  std::vector<Number> sums, delta;

 private:
  std::vector<Number> slopes_;
  std::vector<Ints> places_;
};

}  // namespace emc
