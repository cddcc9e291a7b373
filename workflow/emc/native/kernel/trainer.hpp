// One replica's training from start to end, in slices, by the step of emc.engine.optimizer.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "optimizer.hpp"
#include "order.hpp"
#include "task.hpp"

namespace emc {

// A net of its own, or of a task's graph.
template <class Net>
Net net_of(const Task& task) {
  if constexpr (std::is_constructible_v<Net, const Task&>) return Net(task);
  else return Net();
}

// Whether a net computes otherwise in training, and keeps something of it beside its parameters.
template <class Net, class = void>
struct HasModes : std::false_type {};

template <class Net>
struct HasModes<Net, std::void_t<decltype(&Net::set_training)>> : std::true_type {};

// Samples that a net takes at a time.
template <class Net>
typename Net::Samples room_for(const Net& net) {
  if constexpr (HasModes<Net>::value) return typename Net::Samples(net.most_rows());
  else return {};
}

template <class Net, int Classes>
class Trainer {
 public:
  explicit Trainer(const Task& task)
      : task_(task),
        loss_{task.loss, float(task.smoothing)},
        batches_(task.n, task.batch, task.order, task.order_seed),
        optimizer_(task.rule),
        labels_(task.labels, task.labels + task.n),
        net_(net_of<Net>(task)),
        chunk_(room_for(net_)) {
    for (int64_t i = 0; i < task.n; ++i)
      samples_.push_back(task.inputs + task.rows[i] * net_.inputs);
    net_.read(task.parameters, parameters_);
  }

  // Trains for about `seconds` more, at least a step; whether the run has ended.
  bool advance(double seconds) {
    using Clock = std::chrono::steady_clock;
    const auto stop = Clock::now() + std::chrono::duration<double>(seconds);
    do {
      step();
      const bool budget_spent = steps_ == task_.steps;
      if (budget_spent || batches_.have_ended(epochs() + 1)) end_epoch(budget_spent);
    } while (!ended_ && Clock::now() < stop);
    return ended_;
  }

  Result result() {
    Result result{finite_, epochs(), steps_, batches_.taken(), marks_, 0, 0, 0};
    result.gradient_norm = gradient_norm();
    evaluate(result);
    return result;
  }

  void write(float* parameters, double* epoch_losses) const {
    net_.write(parameters_, parameters);
    std::copy(epoch_losses_.begin(), epoch_losses_.end(), epoch_losses);
  }

  // Shows an archive all that changes between two steps.
  template <class Archive>
  void visit(Archive&& archive) {
    int64_t epochs = epoch_losses_.size();
    for (int64_t* count : {&epochs, &steps_, &epoch_samples_, &first_error_}) archive(count, 1);
    epoch_losses_.resize(epochs);
    archive(epoch_losses_.data(), epochs);
    archive(&epoch_loss_, 1);
    archive(&marks_, 1);
    archive(parameters_, Net::size);
    optimizer_.visit(archive);
    batches_.visit(archive);
    if constexpr (has_modes) net_.visit(archive);
  }

 private:
  using Samples = typename Net::Samples;
  static constexpr bool has_modes = HasModes<Net>::value;
  static constexpr int64_t first_look = 16;  // samples at which an evaluation looks first

  int64_t epochs() const { return epoch_losses_.size(); }

  void step() {
    const Batches::Batch batch = batches_.next();
    set_training(true);
    epoch_loss_ += sum_gradient(batch.count, [&](int64_t i) { return batch.samples[i]; });
    set_training(false);
    epoch_samples_ += batch.count;
    optimizer_.step(task_.rates[steps_++], gradient_, parameters_);
  }

  void set_training(bool training) {
    if constexpr (has_modes) net_.set_training(training);
  }

  // How many samples the net takes at a time, in the mode that it is in.
  int64_t rows_at_once() const {
    if constexpr (has_modes) return net_.rows_at_once();
    else return Samples::capacity;
  }

  int64_t smallest_block() const {
    if constexpr (has_modes) return net_.rows_to_look_at(first_look);
    else return std::min<int64_t>(first_look, Samples::capacity);
  }

  // The gradient of the mean loss over `count` samples into gradient_; returns the summed loss.
  template <class Choose>
  double sum_gradient(int64_t count, Choose choose) {
    std::fill_n(gradient_, Net::size, 0.0f);
    net_.prepare_forward(parameters_);
    net_.prepare_backward(parameters_);
    double total = 0;
    for_chunks(count, choose, [&](const Samples& chunk) {
      const float* logits = net_.forward(chunk, parameters_);
      total += loss_gradient<Classes>(loss_, logits, chunk.labels, chunk.count, chunk.rows,
                                      1.0f / count, net_.logits_delta());
      net_.backward(chunk, gradient_);
    });
    return total;
  }

  template <class Choose, class Visit>
  void for_chunks(int64_t count, Choose choose, Visit visit) {
    const int64_t most = rows_at_once();
    for (int64_t first = 0; first < count; first += most) {
      fill_chunk(std::min(most, count - first),
                 [&](int64_t i) { return choose(first + i); });
      visit(chunk_);
    }
  }

  template <class Choose>
  void fill_chunk(int64_t count, Choose choose) {
    chunk_.count = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t sample = choose(i);
      chunk_.add(samples_[sample], labels_[sample]);
    }
    chunk_.pad();
  }

  void end_epoch(bool budget_spent) {
    epoch_losses_.push_back(epoch_loss_ / epoch_samples_);
    epoch_loss_ = 0, epoch_samples_ = 0;
    finite_ = std::isfinite(epoch_losses_.back()) && parameters_are_finite();
    ended_ = !finite_ || meets_criterion() || budget_spent || epochs() == task_.epochs || is_stuck();
  }

  bool parameters_are_finite() const {
    Floats poison{};
    for (int i = 0; i < Net::size; i += lanes) poison += load(parameters_ + i) * 0.0f;
    return sum(poison) == 0;
  }

  // Whether enough samples are correct at this epoch's end; records the milestones it reaches.
  bool meets_criterion() {
    const int64_t correct = task_.n - count_errors(task_.n - marks_.next(task_));
    marks_.pass(task_, correct, epochs(), steps_);
    return correct >= task_.needed_to_fit;
  }

  // Errors over all samples, or n + 1 as soon as there are more than `allowed`. Starts where the
  // last count met its first error, in blocks that grow as long as the count goes on.
  int64_t count_errors(int64_t allowed) {
    net_.prepare_forward(parameters_);
    int64_t errors = 0, place = first_error_, block = smallest_block();
    for (int64_t left = task_.n; left > 0;) {
      const int64_t count = std::min({block, left, task_.n - place});
      fill_chunk(count, [&](int64_t i) { return place + i; });
      const int64_t wrong = count - correct_in_chunk();
      if (!errors && wrong) first_error_ = place;
      if ((errors += wrong) > allowed) return task_.n + 1;
      left -= count;
      place = (place + count) % task_.n;
      block = std::min(2 * block, rows_at_once());
    }
    return errors;
  }

  int64_t correct_in_chunk() {
    const float* logits = net_.forward(chunk_, parameters_);
    return count_correct<Classes>(logits, chunk_.labels, chunk_.count);
  }

  // Every ten epochs, if the epoch losses of the last ten vary little: is the gradient small?
  bool is_stuck() {
    return epochs() % plateau_window == 0 &&
           plateau(&*(epoch_losses_.end() - plateau_window)) <= task_.plateau_tolerance &&
           gradient_norm() <= task_.gradient_tolerance;
  }

  // Of the mean training loss over all samples, plus half the squared norm of the parameters
  // times the coupled weight decay.
  double gradient_norm() {
    sum_gradient(task_.n, [](int64_t i) { return i; });
    const double decay = task_.rule.coupled_decay;
    double squares = 0;
    for (int i = 0; i < Net::size; ++i) {
      const double slope = gradient_[i] + decay * parameters_[i];
      squares += slope * slope;
    }
    return std::sqrt(squares);
  }

  // Accuracy and plain loss over all samples.
  void evaluate(Result& result) {
    const Loss plain{task_.loss, 0};
    net_.prepare_forward(parameters_);
    for_chunks(task_.n, [](int64_t i) { return i; }, [&](const Samples& chunk) {
      const float* logits = net_.forward(chunk, parameters_);
      result.correct += count_correct<Classes>(logits, chunk.labels, chunk.count);
      result.loss += total_loss<Classes>(plain, logits, chunk.labels, chunk.count);
    });
    result.loss /= task_.n;
  }

  Task task_;
  Loss loss_;
  Batches batches_;
  Optimizer<Net::size> optimizer_;
  std::vector<const float*> samples_;
  std::vector<int32_t> labels_;

  bool ended_ = false, finite_ = true;
  int64_t steps_ = 0, epoch_samples_ = 0, first_error_ = 0;
  double epoch_loss_ = 0;
  std::vector<double> epoch_losses_;
  Marks marks_ = {};

  Net net_;
  Samples chunk_;
  alignas(64) float parameters_[Net::size] = {};
  alignas(64) float gradient_[Net::size] = {};
};

}  // namespace emc
