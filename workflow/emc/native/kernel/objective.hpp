// A training loss over all samples at any point: value, gradient and Hessian products.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "grid.hpp"
#include "logits.hpp"
#include "parameters.hpp"
#include "samples.hpp"

namespace emc {

// What to look at; mirrored by emc.native.objective. Arrays are read while it is opened.
struct ObjectiveTask {
  const Real* inputs;     // [samples, inputs of the net]
  const int64_t* labels;  // [samples]
  Criterion criterion;
  double weight_decay;
};

// Things that one call after the other works with; several threads take one each.
template <class Thing>
class Pool {
 public:
  template <class Make, class Visit>
  void with(Make make, Visit visit) {
    std::unique_ptr<Thing> thing = take();
    if (!thing) thing = make();
    visit(*thing);
    const std::lock_guard<std::mutex> guard(mutex_);
    free_.push_back(std::move(thing));
  }

 private:
  std::unique_ptr<Thing> take() {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (free_.empty()) return nullptr;
    std::unique_ptr<Thing> thing = std::move(free_.back());
    free_.pop_back();
    return thing;
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Thing>> free_;
};

// Of the nets Net<Floats> and Net<Dual> of one shape.
template <template <class> class Net, class Shape>
class Objective {
 public:
  Objective(const Shape& shape, const ObjectiveTask& task)
      : shape_(shape),
        size_(Net<Floats>::size(shape)),
        matrices_(Net<Floats>::matrices(shape)),
        criterion_(task.criterion),
        weight_decay_(task.weight_decay) {
    choose_chunks();
    read(task);
  }

  int64_t count() const { return criterion_.samples; }

  // Loss, gradient and number of correct samples of every `every`-th chunk from `first` on. The
  // first share has the weight decay. `widths` may be null (see Net::round).
  void first_order(const double* parameters, const double* widths, int64_t first, int64_t every,
                   double* gradient, Totals& totals) {
    plain_.with([&] { return make<Floats>(); }, [&](Work<Floats>& work) {
      work.point.set(parameters, size_, matrices_);
      work.net.round(widths);
      const double decay = first == 0 ? weight_decay_ : 0;
      double squares = 0;
      for (int64_t i = 0; i < size_; ++i) {
        gradient[i] = decay * parameters[i];
        squares += parameters[i] * parameters[i];
      }
      for (int64_t c = first; c < chunks_; c += every)
        work.net.add(samples(c), criterion_, Weights<Floats>{work.point.plain.data()},
                     Weights<Floats>{work.point.turned.data()}, gradient, totals);
      totals.loss = totals.loss / criterion_.samples + decay / 2 * squares;
    });
  }

  // Per activation, the sum of the |numbers| that it takes, mean over the samples: into `sizes`
  // [count], as Net::add_sizes numbers them.
  void sizes(const double* parameters, int64_t count, double* sizes) {
    std::fill_n(sizes, count, 0.0);
    plain_.with([&] { return make<Floats>(); }, [&](Work<Floats>& work) {
      work.point.set(parameters, size_, matrices_);
      work.net.round(nullptr);
      for (int64_t c = 0; c < chunks_; ++c)
        work.net.add_sizes(samples(c), Weights<Floats>{work.point.plain.data()}, sizes);
    });
    for (int64_t i = 0; i < count; ++i) sizes[i] /= criterion_.samples;
  }

  // The same share of the Hessian times `count` vectors [count, size].
  void products(const double* parameters, const double* widths, const double* vectors,
                int64_t count, int64_t first, int64_t every, double* products) {
    dual_.with([&] { return make<Dual>(); }, [&](Work<Dual>& work) {
      work.point.set(parameters, size_, matrices_);
      work.net.round(widths);
      const double decay = first == 0 ? weight_decay_ : 0;
      for (int64_t v = 0; v < count; ++v, vectors += size_, products += size_) {
        work.direction.set(vectors, size_, matrices_);
        for (int64_t i = 0; i < size_; ++i) products[i] = decay * vectors[i];
        Totals ignored;
        for (int64_t c = first; c < chunks_; c += every)
          work.net.add(
              samples(c), criterion_,
              Weights<Dual>{work.point.plain.data(), work.direction.plain.data()},
              Weights<Dual>{work.point.turned.data(), work.direction.turned.data()}, products,
              ignored);
      }
    });
  }

 private:
  static constexpr int64_t chunk_bytes = 1 << 18;  // stay in the second-level cache
  static constexpr int64_t fewest_groups = 1;

  template <class Number>
  struct Work {
    Net<Number> net;
    Parameters point, direction;
  };

  template <class Number>
  std::unique_ptr<Work<Number>> make() const {
    return std::unique_ptr<Work<Number>>(new Work<Number>{{shape_, groups_}, {}, {}});
  }

  // As few chunks as fit, all about equally large, of whole panels of groups.
  void choose_chunks() {
    const int64_t groups = ceil_div<int64_t>(criterion_.samples, lanes);
    const int64_t bytes = Net<Floats>::numbers(shape_) * sizeof(Floats);
    const int64_t most = std::max(fewest_groups, chunk_bytes / bytes);
    const int64_t even = ceil_div(groups, ceil_div(groups, most));
    groups_ = even < 3 ? even : round_up<int64_t>(even, 4);
    chunks_ = ceil_div<int64_t>(groups, groups_);
  }

  void read(const ObjectiveTask& task) {
    chunk_size_ = Net<Floats>::input_size(shape_, groups_);
    inputs_.resize(chunks_ * chunk_size_);
    labels_.assign(chunks_ * groups_, Ints{} - 1);
    const Real* from = task.inputs;
    for (int64_t group = 0; group * lanes < criterion_.samples; ++group) {
      const std::vector<int> places = Net<Floats>::places(shape_, groups_, group % groups_);
      Floats* to = inputs_.data() + group / groups_ * chunk_size_;
      const int live = std::min<int64_t>(lanes, criterion_.samples - group * lanes);
      for (int lane = 0; lane < live; ++lane) {
        labels_[group][lane] = task.labels[group * lanes + lane];
        for (const int place : places) to[place][lane] = *from++;
      }
    }
  }

  Samples samples(int64_t chunk) const {
    const int64_t left = ceil_div<int64_t>(criterion_.samples, lanes) - chunk * groups_;
    const int whole = round_up(int(std::min<int64_t>(left, groups_)), panel_groups(groups_));
    return {inputs_.data() + chunk * chunk_size_, labels_.data() + chunk * groups_, whole};
  }

  const Shape shape_;
  const int64_t size_;
  const std::vector<Matrix> matrices_;
  const Criterion criterion_;
  const double weight_decay_;
  int64_t chunks_ = 0, chunk_size_ = 0;
  int groups_ = 0;
  std::vector<Floats> inputs_;
  std::vector<Ints> labels_;
  Pool<Work<Floats>> plain_;
  Pool<Work<Dual>> dual_;
};

}  // namespace emc
