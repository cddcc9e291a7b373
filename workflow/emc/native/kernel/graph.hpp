// Any net of emc.nets.graph: numbers at places, made by one step after the other, sizes known at
// run time. A place holds a vector of samples for each of `groups` groups, side by side.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "batch_norm.hpp"
#include "logits.hpp"
#include "number_matrix.hpp"
#include "parameters.hpp"
#include "samples.hpp"

namespace emc {

// Reads the numbers of a table one after the other.
class TableReader {
 public:
  explicit TableReader(const int64_t* next) : next_(next) {}

  int64_t number() { return *next_++; }

  double real() {
    double value;
    __builtin_memcpy(&value, next_++, sizeof value);
    return value;
  }

  const int64_t* numbers(int64_t count) { return (next_ += count) - count; }

 private:
  const int64_t* next_;
};

// A matrix of places, regular in both directions.
struct PlaceMatrix {
  int64_t first, row, column;

  explicit PlaceMatrix(TableReader& table)
      : first(table.number()), row(table.number()), column(table.number()) {}
};

// Positions of an affine map: where each reads its first term, and where its first output goes.
// Neighbours lie side by side on both sides.
struct PositionWalk {
  int64_t from, to, outer, inner, length, from_outer, from_inner, to_outer, to_inner;

  // The last first term that is read.
  int64_t last() const { return from + (outer - 1) * from_outer + (inner - 1) * from_inner + length - 1; }

  Walk of_groups(int groups) const {
    return {int(outer), int(inner), int(length) * groups, int(from_outer) * groups,
            int(from_inner) * groups, int(to_outer) * groups, int(to_inner) * groups};
  }
};

// One step; mirrored by emc.native.graph_table. Lists are stretches of the table.
struct GraphStep {
  enum Kind : int64_t {
    taken, affine, activated, sum, rescaled, normalised, softmax, product, largest, mean,
    batch_normalised
  };

  Kind kind;
  int64_t first;                                    // the place of the first number that it makes
  int64_t rows = 0, columns = 0;                    // of `inputs`
  const int64_t *inputs = nullptr, *right = nullptr;  // places
  const int64_t *gains = nullptr, *shifts = nullptr;  // numbers of parameters, of a batch norm's rows
  double factor = 1;
  double epsilon = 0;                               // below zero for that of the arithmetic
  bool centred = true;                              // whether a norm takes off the mean
  Activation activation{};
  Momentum momentum;
  int64_t statistics = -1;                          // of a batch norm's rows; none below zero
  int64_t weight = 0, bias = -1, outputs = 0, stride = 0;  // of an affine map's outputs
  std::vector<PositionWalk> walks;
  std::vector<PlaceMatrix> matrices;                // of products: left, right, left, ...

  explicit GraphStep(TableReader& table) : kind(Kind(table.number())), first(table.number()) {
    switch (kind) {
      case affine: read_affine(table); return;
      case product: read_product(table); return;
      case activated: activation = Activation(table.number()); break;
      case rescaled: factor = table.real(); break;
      case normalised:
      case batch_normalised: epsilon = table.real(); break;
      default: break;
    }
    rows = table.number();
    columns = table.number();
    inputs = table.numbers(size());
    if (kind == sum) right = table.numbers(size());
    if (kind == normalised) read_norm(table);
    if (kind == batch_normalised) read_batch_norm(table);
  }

  int64_t size() const { return rows * columns; }

 private:
  void read_norm(TableReader& table) {
    centred = table.number();
    if (table.number()) gains = table.numbers(size());
    if (table.number()) shifts = table.numbers(size());
  }

  void read_batch_norm(TableReader& table) {
    momentum.cumulative = table.number();
    momentum.share = table.real();
    statistics = table.number();
    if (table.number()) gains = table.numbers(rows);
    if (table.number()) shifts = table.numbers(rows);
  }

  void read_affine(TableReader& table) {
    weight = table.number();
    bias = table.number();
    outputs = table.number();
    stride = table.number();
    columns = table.number();
    inputs = table.numbers(columns);  // offsets
    const int64_t count = table.number();
    for (int64_t w = 0; w < count; ++w) {
      const int64_t* numbers = table.numbers(9);
      walks.push_back({numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
                       numbers[6], numbers[7], numbers[8]});
    }
  }

  void read_product(TableReader& table) {
    const int64_t count = table.number();
    rows = table.number();
    columns = table.number();  // of the left one, and rows of the right one
    outputs = table.number();
    for (int64_t p = 0; p < 2 * count; ++p) matrices.emplace_back(table);
  }
};

struct GraphShape {
  int64_t inputs, places, parameters, statistics, classes, logits;
  std::vector<GraphStep> steps;

  // The table must outlive the shape.
  explicit GraphShape(const int64_t* numbers) {
    TableReader table(numbers);
    for (int64_t* each : {&inputs, &places, &parameters, &statistics, &classes, &logits})
      *each = table.number();
    const int64_t count = table.number();
    for (int64_t s = 0; s < count; ++s) steps.emplace_back(table);
  }

  bool has_batch_norms() const {
    return std::any_of(steps.begin(), steps.end(), [](const GraphStep& step) {
      return step.kind == GraphStep::batch_normalised;
    });
  }

  // Whether samples depend on one another in evaluation, too.
  bool mixes_always() const {
    return std::any_of(steps.begin(), steps.end(), [](const GraphStep& step) {
      return step.kind == GraphStep::batch_normalised && step.statistics < 0;
    });
  }

  std::vector<Matrix> matrices() const {
    std::vector<Matrix> all;
    for (const GraphStep& step : steps)
      if (step.kind == GraphStep::affine) all.push_back({step.weight, step.outputs, step.columns, 1});
    return all;
  }
};

template <class Number>
class GraphNet {
 public:
  GraphNet(const GraphShape& shape, int groups)
      : shape_(shape),
        capacity_(groups),
        values(shape.places * groups),
        deltas(shape.places * groups),
        kept_(shape.places * groups),
        which_(shape.places * groups),
        batch(shape.statistics),
        widths_(shape.steps.size()) {
    for (const GraphStep& step : shape.steps) {
      const int64_t length = longest_walk(step);
      room_ = std::max<int64_t>(room_, step.kind == GraphStep::affine ? step.columns * length : 0);
      if (step.kind == GraphStep::product)
        room_ = std::max(room_, step.columns * std::max(step.rows, step.outputs));
      offsets_.emplace_back();
      back_offsets_.emplace_back();
    }
    scratch_.resize(std::max<int64_t>(room_, 1) * groups);
    if (std::any_of(shape.steps.begin(), shape.steps.end(),
                    [](const GraphStep& step) {
                      return step.kind == GraphStep::normalised ||
                             step.kind == GraphStep::batch_normalised;
                    }))
      inverse_.resize(shape.places * groups);
  }

  static int64_t size(const GraphShape& shape) { return shape.parameters; }
  static std::vector<Matrix> matrices(const GraphShape& shape) { return shape.matrices(); }
  static int64_t numbers(const GraphShape& shape) { return 4 * shape.places; }

  // Inputs are [inputs, groups].
  static int64_t input_size(const GraphShape& shape, int groups) { return shape.inputs * groups; }

  static std::vector<int> places(const GraphShape& shape, int groups, int group) {
    std::vector<int> all;
    for (int i = 0; i < shape.inputs; ++i) all.push_back(i * groups + group);
    return all;
  }

  // Rounds off the kink of each step's activation over its width from now on; none over zero. A
  // maximum keeps its kinks.
  void round(const double* widths) {
    for (size_t s = 0; s < widths_.size(); ++s) widths_[s] = widths ? widths[s] : 0;
  }

  // Adds to `sizes` [steps] the |numbers| that each activated step takes, over all samples.
  void add_sizes(const Samples& samples, Weights<Number> weights, double* sizes) {
    read(samples);
    forward(samples.groups, weights);
    for (size_t s = 0; s < shape_.steps.size(); ++s) {
      const GraphStep& step = shape_.steps[s];
      if (step.kind != GraphStep::activated) continue;
      for (int64_t i = 0; i < step.size(); ++i)
        each_group([&](int g) {
          const Floats input = emc::value(value(step.inputs[i])[g]);
          const Floats size = input < Floats{} ? -input : input;
          sizes[s] += sum(samples.labels[g] >= 0 ? size : Floats{});
        });
    }
  }

  // Adds to the totals and to `gradient`, in the order of the parameters.
  void add(const Samples& samples, const Criterion& criterion, Weights<Number> weights,
           Weights<Number> turned, double* gradient, Totals& totals) {
    const int groups = samples.groups;
    read(samples);
    forward(groups, weights);
    clear_deltas(groups);
    for (int g = 0; g < groups; ++g) {
      const int64_t place = shape_.logits * groups + g;
      const LogitColumn<Number> column{values.data() + place, deltas.data() + place, groups,
                                       int(shape_.classes), samples.labels[g]};
      totals.correct += column.correct();
      totals.loss += sum(column.loss(criterion));
    }
    backward(groups, weights, turned, gradient);
  }

  // From the inputs' values to those of all places.
  void forward(int groups, Weights<Number> weights) {
    groups_ = groups;
    weights_ = weights;
    for (size_t s = 0; s < shape_.steps.size(); ++s) make(shape_.steps[s], s);
  }

  void clear_deltas(int groups) {
    std::fill_n(deltas.data(), shape_.places * groups, Number{});
  }

  // From the gradients by the logits in `deltas`, where all else is zero; adds to `gradient`.
  void backward(int groups, Weights<Number> weights, Weights<Number> turned, double* gradient) {
    groups_ = groups;
    weights_ = weights;
    for (size_t s = shape_.steps.size(); s-- > 0;) give_back(shape_.steps[s], s, turned, gradient);
  }

 private:
  const GraphShape shape_;
  const int capacity_;
  int groups_ = 0;
  int64_t room_ = 0;
  Weights<Number> weights_{};

 public:
  std::vector<Number> values, deltas;
  BatchStatistics batch;

 private:
  void read(const Samples& samples) {
    const int groups = samples.groups;
    for (int64_t i = 0; i < shape_.inputs; ++i)
      for (int g = 0; g < groups; ++g)
        put(samples.inputs[i * capacity_ + g], values[i * groups + g]);
  }

  static void put(Floats input, Floats& to) { to = input; }
  static void put(Floats input, Dual& to) { to = {input, Floats{}}; }

  static int64_t longest_walk(const GraphStep& step) {
    int64_t longest = 1;
    for (const PositionWalk& walk : step.walks) longest = std::max(longest, walk.length);
    return longest;
  }

  Number* value(int64_t place) { return values.data() + place * groups_; }
  Number* delta(int64_t place) { return deltas.data() + place * groups_; }
  Number* kept(int64_t place) { return kept_.data() + place * groups_; }
  Ints* which(int64_t place) { return which_.data() + place * groups_; }

  template <class Visit>
  EMC_INLINE void each_group(Visit visit) const {
    for (int g = 0; g < groups_; ++g) visit(g);
  }

  void make(const GraphStep& step, size_t number) {
    switch (step.kind) {
      case GraphStep::taken: return take(step);
      case GraphStep::affine: return map(step, number);
      case GraphStep::activated: return activate_all(step, Real(widths_[number]));
      case GraphStep::sum: return add_up(step);
      case GraphStep::rescaled: return scale(step);
      case GraphStep::normalised: return normalise(step);
      case GraphStep::softmax: return soften(step);
      case GraphStep::product: return multiply_all(step);
      case GraphStep::largest: return pick_largest(step);
      case GraphStep::mean: return average(step);
      case GraphStep::batch_normalised: return normalise_batch(step);
    }
  }

  void give_back(const GraphStep& step, size_t number, Weights<Number> turned, double* gradient) {
    switch (step.kind) {
      case GraphStep::taken: return give_to(step, step.inputs, Real(1), gradient);
      case GraphStep::affine: return map_back(step, number, turned, gradient);
      case GraphStep::activated: return activate_back(step);
      case GraphStep::sum:
        give_to(step, step.inputs, Real(1), gradient);
        return give_to(step, step.right, Real(1), gradient);
      case GraphStep::rescaled: return give_to(step, step.inputs, Real(step.factor), gradient);
      case GraphStep::normalised: return normalise_back(step, gradient);
      case GraphStep::softmax: return soften_back(step);
      case GraphStep::product: return multiply_back(step);
      case GraphStep::largest: return pick_back(step);
      case GraphStep::mean: return average_back(step);
      case GraphStep::batch_normalised: return normalise_batch_back(step, gradient);
    }
  }

  // What lies at a place, which may be that of a parameter (-2 - its number) or of a zero (-1).
  EMC_INLINE Number at(int64_t place, int g) {
    if (place >= 0) return value(place)[g];
    return place == -1 ? Number{} : weights_[-2 - place];
  }

  void take(const GraphStep& step) {
    for (int64_t i = 0; i < step.size(); ++i)
      each_group([&](int g) { value(step.first + i)[g] = at(step.inputs[i], g); });
  }

  void add_up(const GraphStep& step) {
    for (int64_t i = 0; i < step.size(); ++i) {
      each_group([&](int g) {
        value(step.first + i)[g] = value(step.inputs[i])[g] + at(step.right[i], g);
      });
    }
  }

  void scale(const GraphStep& step) {
    for (int64_t i = 0; i < step.size(); ++i) {
      each_group([&](int g) {
        value(step.first + i)[g] = value(step.inputs[i])[g] * Real(step.factor);
      });
    }
  }

  // Adds what a step received, times a factor, to what places receive.
  void give_to(const GraphStep& step, const int64_t* places, Real factor, double* gradient) {
    for (int64_t i = 0; i < step.size(); ++i) {
      const Number* received = delta(step.first + i);
      const int64_t place = places[i];
      if (place >= 0) {
        each_group([&](int g) { delta(place)[g] += received[g] * factor; });
      } else if (place < -1) {
        gradient[-2 - place] += total(received);
      }
    }
  }

  // What is asked for, over all samples.
  double total(const Number* received) const {
    Floats all{};
    each_group([&](int g) { all += wanted(received[g]); });
    return sum(all);
  }

  const std::vector<int>& scaled_offsets(std::vector<std::vector<int>>& of_groups, int64_t count,
                                         const int64_t* places, int64_t stride) {
    of_groups.resize(capacity_ + 1);
    std::vector<int>& offsets = of_groups[groups_];
    if (offsets.empty())
      for (int64_t k = 0; k < count; ++k)
        offsets.push_back(int(places ? places[k] : k * stride) * groups_);
    return offsets;
  }

  void map(const GraphStep& step, size_t number) {
    const std::vector<int>& offsets =
        scaled_offsets(offsets_[number], step.columns, step.inputs, 0);
    const Weights<Number> bias = weights_.from(std::max<int64_t>(step.bias, 0));
    for (const PositionWalk& walk : step.walks)
      multiply(walk.of_groups(groups_), value(walk.from), offsets.data(), int(step.columns),
               weights_.from(step.weight), step.bias >= 0, bias, int(step.outputs),
               value(step.first + walk.to), int(step.stride) * groups_);
  }

  void map_back(const GraphStep& step, size_t number, Weights<Number> turned, double* gradient) {
    const std::vector<int>& offsets =
        scaled_offsets(offsets_[number], step.columns, step.inputs, 0);
    const int stride = int(step.stride) * groups_;
    for (const PositionWalk& walk : step.walks) {
      const Walk both = walk.of_groups(groups_);
      const Number* received = delta(step.first + walk.to);
      emc::add_gradient(both, received, stride, int(step.outputs), value(walk.from),
                        offsets.data(), int(step.columns), gradient + step.weight);
      if (step.bias >= 0)
        add_bias_gradient(both, received, stride, int(step.outputs), gradient + step.bias);
      if (walk.last() + *std::max_element(step.inputs, step.inputs + step.columns) >= shape_.inputs)
        spread(step, number, walk, turned.from(step.weight));
    }
  }

  // The gradient by an affine map's inputs; windows may overlap.
  void spread(const GraphStep& step, size_t number, const PositionWalk& walk,
              Weights<Number> turned) {
    const std::vector<int>& offsets = offsets_[number][groups_];
    const std::vector<int>& back =
        scaled_offsets(back_offsets_[number], step.outputs, nullptr, step.stride);
    const int length = int(walk.length) * groups_;
    walk.of_groups(groups_).rows([&](int in, int out) {
      multiply(Walk{1, 1, length, 0, 0, 0, 0}, delta(step.first + walk.to) + out, back.data(),
               int(step.outputs), turned, false, turned, int(step.columns), scratch_.data(),
               length);
      const Number* from = scratch_.data();
      for (int64_t k = 0; k < step.columns; ++k, from += length) {
        Number* to = delta(walk.from) + in + offsets[k];
        for (int v = 0; v < length; ++v) to[v] += from[v];
      }
    });
  }

  void activate_all(const GraphStep& step, Real width) {
    with_activation(step.activation, [&](auto activation) {
      for (int64_t i = 0; i < step.size(); ++i) {
        each_group([&](int g) {
          const Number input = value(step.inputs[i])[g];
          const Activated<Number> made = width > 0 ? activate_rounded<activation>(input, width)
                                                   : emc::activate<activation>(input);
          value(step.first + i)[g] = made.output;
          kept(step.first + i)[g] = made.slope;
        });
      }
    });
  }

  void activate_back(const GraphStep& step) {
    for (int64_t i = 0; i < step.size(); ++i) {
      const int64_t place = step.first + i;
      each_group([&](int g) { delta(step.inputs[i])[g] += delta(place)[g] * kept(place)[g]; });
    }
  }

  void normalise(const GraphStep& step) {
    for (int64_t r = 0; r < step.rows; ++r) {
      const int64_t *row = step.inputs + r * step.columns, first = step.first + r * step.columns;
      each_group([&](int g) {
        Number mean{}, squares{};
        for (int64_t c = 0; step.centred && c < step.columns; ++c) mean += value(row[c])[g];
        mean = mean * (Real(1) / step.columns);
        for (int64_t c = 0; c < step.columns; ++c) {
          const Number centred = value(row[c])[g] - mean;
          squares += centred * centred;
        }
        const Number inverse = inverse_root(squares * (Real(1) / step.columns), epsilon(step));
        inverse_[first * groups_ + g] = inverse;
        for (int64_t c = 0; c < step.columns; ++c) {
          const Number normal = (value(row[c])[g] - mean) * inverse;
          kept(first + c)[g] = normal;
          const Number scaled = step.gains ? normal * gain(step, r, c) : normal;
          value(first + c)[g] = step.shifts ? scaled + shift(step, r, c) : scaled;
        }
      });
    }
  }

  static Real epsilon(const GraphStep& step) {
    return step.epsilon < 0 ? std::numeric_limits<Real>::epsilon() : Real(step.epsilon);
  }

  EMC_INLINE Number gain(const GraphStep& step, int64_t r, int64_t c) const {
    return weights_[step.gains[r * step.columns + c]];
  }

  EMC_INLINE Number shift(const GraphStep& step, int64_t r, int64_t c) const {
    return weights_[step.shifts[r * step.columns + c]];
  }

  void normalise_back(const GraphStep& step, double* gradient) {
    for (int64_t r = 0; r < step.rows; ++r) {
      const int64_t *row = step.inputs + r * step.columns, first = step.first + r * step.columns;
      add_norm_gradient(step, r, gradient);
      each_group([&](int g) {
        const auto slope = [&](int64_t c) {
          const Number received = delta(first + c)[g];
          return step.gains ? received * gain(step, r, c) : received;
        };
        Number mean{}, along{};
        for (int64_t c = 0; c < step.columns; ++c) {
          if (step.centred) mean += slope(c);
          along += slope(c) * kept(first + c)[g];
        }
        mean = mean * (Real(1) / step.columns);
        along = along * (Real(1) / step.columns);
        for (int64_t c = 0; c < step.columns; ++c)
          delta(row[c])[g] +=
              (slope(c) - mean - kept(first + c)[g] * along) * inverse_[first * groups_ + g];
      });
    }
  }

  void add_norm_gradient(const GraphStep& step, int64_t r, double* gradient) {
    for (int64_t c = 0; c < step.columns; ++c) {
      const int64_t place = r * step.columns + c;
      const Number *received = delta(step.first + place), *normal = kept(step.first + place);
      if (step.gains) {
        Floats along{};
        each_group([&](int g) { along += wanted_product(received[g], normal[g]); });
        gradient[step.gains[place]] += sum(along);
      }
      if (step.shifts) gradient[step.shifts[place]] += total(received);
    }
  }

  bool by_batch(const GraphStep& step) const { return batch.training() || step.statistics < 0; }

  // The mean over a channel's places and all samples of number(place in the row, group).
  template <class Visit>
  EMC_INLINE Number channel_mean(const GraphStep& step, Visit number) const {
    Number all{};
    for (int64_t c = 0; c < step.columns; ++c)
      each_group([&](int g) { all += batch.live(number(c, g), g); });
    return sum_for_all(all) * (Real(1) / (batch.samples() * step.columns));
  }

  void normalise_batch(const GraphStep& step) {
    for (int64_t r = 0; r < step.rows; ++r) {
      const int64_t *row = step.inputs + r * step.columns, first = step.first + r * step.columns;
      Number mean, variance;
      find_statistics(step, r, mean, variance);
      const Number inverse = inverse_[first * groups_] = inverse_root(variance, epsilon(step));
      const Number gain = step.gains ? weights_[step.gains[r]] : broadcast_as(Number{}, Real(1));
      const Number shift = step.shifts ? weights_[step.shifts[r]] : Number{};
      for (int64_t c = 0; c < step.columns; ++c) {
        each_group([&](int g) {
          const Number normal = (value(row[c])[g] - mean) * inverse;
          kept(first + c)[g] = normal;
          value(first + c)[g] = normal * gain + shift;
        });
      }
    }
  }

  // The mean and the variance by which a channel is normalised.
  void find_statistics(const GraphStep& step, int64_t r, Number& mean, Number& variance) {
    Real* running = step.statistics < 0 ? nullptr : batch.running.data() + step.statistics + r;
    if (!by_batch(step)) {
      mean = broadcast_as(Number{}, running[0]);
      variance = broadcast_as(Number{}, running[step.rows]);
      return;
    }
    const int64_t* row = step.inputs + r * step.columns;
    mean = channel_mean(step, [&](int64_t c, int g) { return value(row[c])[g]; });
    variance = channel_mean(step, [&](int64_t c, int g) {
      const Number centred = value(row[c])[g] - mean;
      return centred * centred;
    });
    if (running)
      batch.move(step.momentum, running[0], running[step.rows], emc::value(mean)[0],
                 emc::value(variance)[0], batch.samples() * step.columns);
  }

  void normalise_batch_back(const GraphStep& step, double* gradient) {
    for (int64_t r = 0; r < step.rows; ++r) {
      const int64_t *row = step.inputs + r * step.columns, first = step.first + r * step.columns;
      add_channel_gradient(step, r, gradient);
      const Number gain = step.gains ? weights_[step.gains[r]] : broadcast_as(Number{}, Real(1));
      const Number factor = gain * inverse_[first * groups_];
      Number mean{}, along{};
      if (by_batch(step)) {
        mean = channel_mean(step, [&](int64_t c, int g) { return delta(first + c)[g]; });
        along = channel_mean(step, [&](int64_t c, int g) {
          return delta(first + c)[g] * kept(first + c)[g];
        });
      }
      for (int64_t c = 0; c < step.columns; ++c) {
        each_group([&](int g) {
          const Number slope = delta(first + c)[g] - mean - kept(first + c)[g] * along;
          delta(row[c])[g] += batch.live(slope * factor, g);
        });
      }
    }
  }

  void add_channel_gradient(const GraphStep& step, int64_t r, double* gradient) {
    for (int64_t c = 0; c < step.columns; ++c) {
      const int64_t place = step.first + r * step.columns + c;
      if (step.gains) {
        Floats along{};
        each_group([&](int g) { along += wanted_product(delta(place)[g], kept(place)[g]); });
        gradient[step.gains[r]] += sum(along);
      }
      if (step.shifts) gradient[step.shifts[r]] += total(delta(place));
    }
  }

  void soften(const GraphStep& step) {
    for (int64_t r = 0; r < step.rows; ++r) {
      const int64_t *row = step.inputs + r * step.columns, first = step.first + r * step.columns;
      each_group([&](int g) {
        Floats largest = emc::value(value(row[0])[g]);
        for (int64_t c = 1; c < step.columns; ++c) {
          const Floats other = emc::value(value(row[c])[g]);
          largest = other > largest ? other : largest;
        }
        Number all{};
        for (int64_t c = 0; c < step.columns; ++c)
          all += value(first + c)[g] = exponential_of(value(row[c])[g] - largest);
        const Number normaliser = reciprocal(all);
        for (int64_t c = 0; c < step.columns; ++c)
          value(first + c)[g] = value(first + c)[g] * normaliser;
      });
    }
  }

  void soften_back(const GraphStep& step) {
    for (int64_t r = 0; r < step.rows; ++r) {
      const int64_t *row = step.inputs + r * step.columns, first = step.first + r * step.columns;
      each_group([&](int g) {
        Number mean{};
        for (int64_t c = 0; c < step.columns; ++c) mean += value(first + c)[g] * delta(first + c)[g];
        for (int64_t c = 0; c < step.columns; ++c)
          delta(row[c])[g] += value(first + c)[g] * (delta(first + c)[g] - mean);
      });
    }
  }

  NumberMatrix<Number> matrix(std::vector<Number>& of, const PlaceMatrix& places, int g) const {
    return {of.data() + places.first * groups_ + g, int(places.row) * groups_,
            int(places.column) * groups_};
  }

  NumberMatrix<Number> made(std::vector<Number>& of, const GraphStep& step, int64_t p, int g) const {
    const int64_t first = step.first + p * step.rows * step.outputs;
    return {of.data() + first * groups_ + g, int(step.outputs) * groups_, groups_};
  }

  void multiply_all(const GraphStep& step) {
    for (size_t p = 0; 2 * p < step.matrices.size(); ++p) {
      each_group([&](int g) {
        multiply_numbers(int(step.rows), int(step.columns), int(step.outputs),
                         matrix(values, step.matrices[2 * p], g),
                         matrix(values, step.matrices[2 * p + 1], g), Real(1),
                         made(values, step, p, g));
      });
    }
  }

  void multiply_back(const GraphStep& step) {
    const int rows = int(step.rows), columns = int(step.columns), outputs = int(step.outputs);
    for (size_t p = 0; 2 * p < step.matrices.size(); ++p) {
      const PlaceMatrix &left = step.matrices[2 * p], &right = step.matrices[2 * p + 1];
      each_group([&](int g) {
        const NumberMatrix<Number> received = made(deltas, step, p, g);
        const NumberMatrix<Number> by_left{scratch_.data(), columns, 1};
        multiply_numbers(rows, outputs, columns, received, matrix(values, right, g).transposed(),
                         Real(1), by_left);
        add_matrix(rows, columns, by_left, matrix(deltas, left, g));
        const NumberMatrix<Number> by_right{scratch_.data(), outputs, 1};
        multiply_numbers(columns, rows, outputs, matrix(values, left, g).transposed(), received,
                         Real(1), by_right);
        add_matrix(columns, outputs, by_right, matrix(deltas, right, g));
      });
    }
  }

  static void add_matrix(int rows, int columns, NumberMatrix<Number> from,
                         NumberMatrix<Number> to) {
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j) to.at(i, j) += from.at(i, j);
  }

  void pick_largest(const GraphStep& step) {
    for (int64_t r = 0; r < step.rows; ++r) {
      const int64_t* row = step.inputs + r * step.columns;
      each_group([&](int g) {
        Number best = value(row[0])[g];
        Ints found{};
        for (int64_t c = 1; c < step.columns; ++c) {
          const Number other = value(row[c])[g];
          const Ints larger = emc::value(other) > emc::value(best);
          best = where(larger, other, best);
          found = larger ? Ints{} + Int(c) : found;
        }
        value(step.first + r)[g] = best;
        which(step.first + r)[g] = found;
      });
    }
  }

  void pick_back(const GraphStep& step) {
    for (int64_t r = 0; r < step.rows; ++r) {
      for (int64_t c = 0; c < step.columns; ++c) {
        Number* to = delta(step.inputs[r * step.columns + c]);
        each_group([&](int g) {
          to[g] += where(which(step.first + r)[g] == Int(c), delta(step.first + r)[g], Number{});
        });
      }
    }
  }

  void average(const GraphStep& step) {
    const Real share = Real(1) / step.columns;
    for (int64_t r = 0; r < step.rows; ++r) {
      each_group([&](int g) {
        Number all{};
        for (int64_t c = 0; c < step.columns; ++c)
          all += value(step.inputs[r * step.columns + c])[g];
        value(step.first + r)[g] = all * share;
      });
    }
  }

  void average_back(const GraphStep& step) {
    const Real share = Real(1) / step.columns;
    for (int64_t r = 0; r < step.rows; ++r) {
      for (int64_t c = 0; c < step.columns; ++c) {
        Number* to = delta(step.inputs[r * step.columns + c]);
        each_group([&](int g) { to[g] += delta(step.first + r)[g] * share; });
      }
    }
  }

  std::vector<Number> kept_;
  std::vector<Ints> which_;
  std::vector<double> widths_;
  std::vector<Number> inverse_, scratch_;
  std::vector<std::vector<std::vector<int>>> offsets_, back_offsets_;  // of a step, by groups
};

}  // namespace emc
