// A training loss over all samples at any point: value, gradient and Hessian products.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "plan.hpp"

namespace emc {

// What to look at; mirrored by emc.native.operator. Arrays are read while it is opened.
struct Problem {
  const LayerShape* layers;
  int64_t depth;
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

class Objective {
 public:
  explicit Objective(const Problem& problem)
      : shapes_(problem.layers, problem.layers + problem.depth),
        criterion_(problem.criterion),
        weight_decay_(problem.weight_decay) {
    for (const LayerShape& shape : shapes_) size_ += shape.size();
    choose_chunks();
    read(problem);
  }

  int64_t chunks() const { return chunks_; }

  // Loss, gradient and number of correct samples of every `every`-th chunk from `first` on. The
  // first share has the weight decay.
  void first_order(const double* parameters, int64_t first, int64_t every, double* gradient,
                   Totals& totals) {
    plain_.with([&] { return make<Floats>(); }, [&](Work<Floats>& work) {
      work.point.set(parameters, shapes_);
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

  // The same share of the Hessian times `count` vectors [count, size].
  void products(const double* parameters, const double* vectors, int64_t count, int64_t first,
                int64_t every, double* products) {
    dual_.with([&] { return make<Dual>(); }, [&](Work<Dual>& work) {
      work.point.set(parameters, shapes_);
      const double decay = first == 0 ? weight_decay_ : 0;
      for (int64_t v = 0; v < count; ++v, vectors += size_, products += size_) {
        work.direction.set(vectors, shapes_);
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
  static constexpr int whole = 4;  // groups come in multiples of the longest tile

  template <class Number>
  struct Work {
    PlanNet<Number> net;
    Parameters point, direction;
  };

  template <class Number>
  std::unique_ptr<Work<Number>> make() const {
    return std::unique_ptr<Work<Number>>(new Work<Number>{{shapes_, groups_}, {}, {}});
  }

  // As few chunks as fit, all about equally large.
  void choose_chunks() {
    const int64_t groups = (criterion_.samples + lanes - 1) / lanes;
    const int64_t bytes = PlanNet<Floats>::numbers(shapes_) * sizeof(Floats);
    const int64_t most = std::max<int64_t>(1, chunk_bytes / bytes);
    const int64_t even = (groups + (groups + most - 1) / most - 1) / ((groups + most - 1) / most);
    groups_ = even < whole ? even : (even + whole - 1) / whole * whole;
    chunks_ = (groups + groups_ - 1) / groups_;
  }

  void read(const Problem& problem) {
    const Grid grid = PlanNet<Floats>::input_grid(shapes_[0], groups_);
    chunk_size_ = grid.size;
    inputs_.resize(chunks_ * chunk_size_);
    labels_.assign(chunks_ * groups_, Ints{} - 1);
    const int channels = shapes_[0].inputs, height = shapes_[0].height, width = shapes_[0].width;
    const Real* from = problem.inputs;
    for (int64_t s = 0; s < criterion_.samples; ++s) {
      const int64_t group = s / lanes, chunk = group / groups_;
      const int lane = s % lanes;
      labels_[group][lane] = problem.labels[s];
      Floats* to = inputs_.data() + chunk * chunk_size_;
      for (int c = 0; c < channels; ++c)
        for (int y = 0; y < height; ++y)
          for (int x = 0; x < width; ++x)
            to[grid.at(c, group % groups_, y, x)][lane] = *from++;
    }
  }

  Samples samples(int64_t chunk) const {
    const int64_t groups = (criterion_.samples + lanes - 1) / lanes - chunk * groups_;
    return {inputs_.data() + chunk * chunk_size_, labels_.data() + chunk * groups_,
            int(std::min<int64_t>(groups, groups_))};
  }

  const std::vector<LayerShape> shapes_;
  const Criterion criterion_;
  const double weight_decay_;
  int64_t size_ = 0, chunks_ = 0, chunk_size_ = 0;
  int groups_ = 0;
  std::vector<Floats> inputs_;
  std::vector<Ints> labels_;
  Pool<Work<Floats>> plain_;
  Pool<Work<Dual>> dual_;
};

}  // namespace emc

// The C functions of the kernel; those that need memory answer whether they had it.
extern "C" {
void* emc_objective_open(const emc::Problem* problem) try {
  return new emc::Objective(*problem);
} catch (...) {
  return nullptr;
}

int emc_objective_first_order(void* objective, const double* parameters, int64_t first,
                              int64_t every, double* gradient, emc::Totals* totals) try {
  *totals = {};
  static_cast<emc::Objective*>(objective)->first_order(parameters, first, every, gradient, *totals);
  return 1;
} catch (...) {
  return 0;
}

int emc_objective_products(void* objective, const double* parameters, const double* vectors,
                           int64_t count, int64_t first, int64_t every, double* products) try {
  static_cast<emc::Objective*>(objective)->products(parameters, vectors, count, first, every,
                                                    products);
  return 1;
} catch (...) {
  return 0;
}

void emc_objective_close(void* objective) { delete static_cast<emc::Objective*>(objective); }
}
