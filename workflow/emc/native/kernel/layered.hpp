// A net of layers one after the other: from a chunk of samples to their loss and its derivatives.
#pragma once

#include <vector>

#include "layers.hpp"
#include "logits.hpp"
#include "samples.hpp"

namespace emc {

using Layers = std::vector<LayerShape>;

template <class Number>
class LayeredNet {
 public:
  LayeredNet(const Layers& shapes, int groups) : widths_(shapes.size()) {
    for (const LayerShape& shape : shapes) {
      const Grid input = input_grid(shape, groups);
      layers_.emplace_back(shape, input, groups);
      inputs_.emplace_back(layers_.size() > 1 ? input.size : 0);
      received_.emplace_back(layers_.size() > 1 ? input.size : 0);
    }
    for (size_t l = 0; l + 1 < shapes.size(); ++l)
      passed_on_.push_back(output_grid(shapes[l], shapes[l + 1], groups));
  }

  // Where a layer looks for its inputs.
  static Grid input_grid(const LayerShape& shape, int groups) {
    if (!shape.is_conv) return Grid::features(shape.inputs, groups);
    return Grid::images(shape.inputs, groups, shape.height, shape.width, 1);
  }

  // The number of vectors of a chunk's inputs.
  static int64_t input_size(const Layers& shapes, int groups) {
    return input_grid(shapes[0], groups).size;
  }

  // Where a feature of the samples of a group, in torch's order, lies in a chunk's inputs.
  static std::vector<int> places(const Layers& shapes, int groups, int group) {
    const LayerShape& first = shapes[0];
    const Grid grid = input_grid(first, groups);
    std::vector<int> all;
    for (int c = 0; c < first.inputs; ++c)
      for (int y = 0; y < first.height; ++y)
        for (int x = 0; x < first.width; ++x) all.push_back(grid.at(c, group, y, x));
    return all;
  }

  static int64_t size(const Layers& shapes) {
    int64_t total = 0;
    for (const LayerShape& shape : shapes) total += shape.size();
    return total;
  }

  static std::vector<Matrix> matrices(const Layers& shapes) {
    std::vector<Matrix> all;
    int64_t first = 0;
    for (const LayerShape& shape : shapes) {
      all.push_back({first, shape.outputs, shape.inputs, shape.taps()});
      first += shape.size();
    }
    return all;
  }

  // Numbers that a group of samples takes in a net of these shapes.
  static int64_t numbers(const Layers& shapes) {
    int64_t total = 0;
    for (const LayerShape& shape : shapes) {
      total += (total ? 2 : 1) * input_grid(shape, 1).size;
      total += 3 * shape.outputs * shape.height * shape.width;
    }
    return total;
  }

  // Rounds off the kinks of each layer over its width from now on; none over a width of zero.
  void round(const double* widths) {
    for (size_t l = 0; l < widths_.size(); ++l) widths_[l] = widths ? widths[l] : 0;
  }

  // Adds to the totals and to `gradient`, in the order of the parameters.
  void add(const Samples& samples, const Criterion& criterion, Weights<Number> weights,
           Weights<Number> turned, double* gradient, Totals& totals) {
    forward(samples, weights);
    add_loss(samples, criterion, totals);
    backward(samples, weights, turned, gradient);
  }

 private:
  void forward(const Samples& samples, Weights<Number> weights) {
    for (size_t l = 0; l < layers_.size(); ++l) {
      if (l == 0) layers_[l].forward(samples.inputs, samples.groups, weights);
      else layers_[l].forward(inputs_[l].data(), samples.groups, weights);
      weights = weights.from(layers_[l].shape.size());
      if (l + 1 < layers_.size())
        layers_[l].activate_to(inputs_[l + 1].data(), passed_on_[l], samples.groups, widths_[l]);
    }
  }

  // The last layer has no activation: its sums are the logits.
  void add_loss(const Samples& samples, const Criterion& criterion, Totals& totals) {
    Layer<Number>& last = layers_.back();
    for (int g = 0; g < samples.groups; ++g) {
      const int place = last.sums_grid().at(0, g, 0, 0);
      const LogitColumn<Number> column{last.sums.data() + place, last.delta.data() + place,
                                       last.sums_grid().channel, int(last.shape.outputs),
                                       samples.labels[g]};
      totals.correct += column.correct();
      totals.loss += sum(column.loss(criterion));
    }
  }

  void backward(const Samples& samples, Weights<Number> weights, Weights<Number> turned,
                double* gradient) {
    int64_t first = 0;
    for (const Layer<Number>& layer : layers_) first += layer.shape.size();
    for (size_t l = layers_.size(); l-- > 0;) {
      first -= layers_[l].shape.size();
      if (l == 0) {
        layers_[l].add_to_gradient(samples.inputs, samples.groups, gradient);
        return;
      }
      layers_[l].add_to_gradient(inputs_[l].data(), samples.groups, gradient + first);
      layers_[l].give_back(received_[l].data(), samples.groups, turned.from(first));
      layers_[l - 1].take_back(received_[l].data(), passed_on_[l - 1], samples.groups,
                               widths_[l - 1]);
    }
  }

  static Grid output_grid(const LayerShape& shape, const LayerShape& next, int groups) {
    if (!shape.is_conv || next.is_conv) return input_grid(next, groups);
    return Grid::features(shape.outputs, groups, shape.pooled_height(), shape.pooled_width());
  }

  std::vector<Layer<Number>> layers_;
  std::vector<std::vector<Number>> inputs_, received_;  // of every layer but the first
  std::vector<Real> widths_;
  std::vector<Grid> passed_on_;  // where each layer's outputs lie in the next one's inputs
};

}  // namespace emc
