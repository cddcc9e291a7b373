// Nets of 3x3 convolutions with 2x2 max-pooling and dense layers, sizes known at run time. Their
// kinks (those of activations, and ties of a maximum) can be rounded off over a width.
#pragma once

#include <vector>

#include "grid.hpp"
#include "parameters.hpp"

namespace emc {

// One layer of emc.nets.layers; mirrored by emc.native.objective. A dense layer is 1x1 pixel high.
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

// One layer for up to `groups` groups of samples.
template <class Number>
class Layer {
 public:
  Layer(const LayerShape& shape, const Grid& input, int groups)
      : shape(shape),
        input(input),
        sums_(output_grid(groups, 0)),
        delta_(output_grid(groups, 1)),
        offsets_(input.offsets(shape.inputs, shape.taps())),
        back_offsets_(delta_.offsets(shape.outputs, shape.taps())),
        sums(sums_.size),
        delta(delta_.size),
        slopes_(pooled_size(groups) * (shape.is_conv ? 4 : 1)),
        places_(shape.is_conv ? pooled_size(groups) : 0) {}

  template <class Input>
  void forward(const Input* from, int groups, Weights<Number> weights) {
    multiply(walk(groups, sums_), from + input.origin, offsets_.data(), shape.terms(), weights,
             shape.has_bias, weights.from(shape.weights()), shape.outputs, sums.data(),
             sums_.channel);
  }

  // Writes activated and pooled sums to where the next layer finds them; kinks are rounded off
  // over a `width` above zero.
  void activate_to(Number* to, const Grid& next, int groups, Real width) {
    with_activation(shape.activation, [&](auto activation) {
      each_pooled(groups, [&](int place, int o, int g, int y, int x) {
        to[next.at(o, g, y, x)] = width > 0 ? rounded<activation>(width, place, o, g, y, x)
                                            : sharp<activation>(place, o, g, y, x);
      });
    });
  }

  // From the gradient by the outputs, as the next layer's grid has it, to that by the sums.
  void take_back(const Number* received, const Grid& next, int groups, Real width) {
    each_pooled(groups, [&](int place, int o, int g, int y, int x) {
      const Number from = received[next.at(o, g, y, x)];
      if (!shape.is_conv) {
        delta[delta_.at(o, g, y, x)] = slopes_[place] * from;
        return;
      }
      for (int i = 0; i < 4; ++i) {
        const Number slope = width > 0 ? slopes_[4 * place + i]
                                       : where(places_[place] == i, slopes_[place], Number{});
        delta[delta_.at(o, g, 2 * y + i / 2, 2 * x + i % 2)] = slope * from;
      }
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

  // Where the sums lie, and the gradient by them in a dense layer.
  const Grid& sums_grid() const { return sums_; }

  const LayerShape shape;
  const Grid input;

 private:
  Grid output_grid(int groups, int border) const {
    if (!shape.is_conv) return Grid::features(shape.outputs, groups);
    return Grid::images(shape.outputs, groups, shape.height, shape.width, border);
  }

  int pooled_size(int groups) const {
    return shape.outputs * groups * shape.pooled_height() * shape.pooled_width();
  }

  Walk walk(int groups, const Grid& to) const {
    if (!shape.is_conv) {
      const int panels = groups / to.width;
      return {1, panels, to.width, 0, input.panel, 0, to.panel};
    }
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

  template <Activation activation>
  EMC_INLINE Number sharp(int place, int o, int g, int y, int x) {
    Number kept = sums[sums_.at(o, g, y, x)];
    if (shape.is_conv) kept = pooled<activation>(place, o, g, y, x);
    const Activated<Number> activated = activate<activation>(kept);
    slopes_[place] = activated.slope;
    return activated.output;
  }

  // Of a window of pixels, the slopes along all four.
  template <Activation activation>
  EMC_INLINE Number rounded(Real width, int place, int o, int g, int y, int x) {
    if (!shape.is_conv) {
      const auto activated = activate_rounded<activation>(sums[sums_.at(o, g, y, x)], width);
      slopes_[place] = activated.slope;
      return activated.output;
    }
    const auto sum = [&](int i) { return sums[sums_.at(o, g, 2 * y + i / 2, 2 * x + i % 2)]; };
    Number* slopes = slopes_.data() + 4 * place;
    if constexpr (is_monotone<activation>()) {
      const Number kept = rounded_largest(sum(0), sum(1), sum(2), sum(3), width, slopes);
      const auto activated = activate_rounded<activation>(kept, width);
      for (int i = 0; i < 4; ++i) slopes[i] = slopes[i] * activated.slope;
      return activated.output;
    }
    Activated<Number> each[4];
    for (int i = 0; i < 4; ++i) each[i] = activate_rounded<activation>(sum(i), width);
    const Number kept = rounded_largest(each[0].output, each[1].output, each[2].output,
                                        each[3].output, width, slopes);
    for (int i = 0; i < 4; ++i) slopes[i] = slopes[i] * each[i].slope;
    return kept;
  }

  // The sum with the first of the largest outputs among 2x2 pixels; a monotone activation would
  // not change which it is.
  template <Activation activation>
  EMC_INLINE Number pooled(int place, int o, int g, int y, int x) {
    const auto sum = [&](int i) { return sums[sums_.at(o, g, 2 * y + i / 2, 2 * x + i % 2)]; };
    const auto output = [](Number each) {
      return is_monotone<activation>() ? value(each) : bend<activation>(value(each)).value;
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
