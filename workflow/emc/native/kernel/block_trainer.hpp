// One replica's training by a block, in slices: `trainer.hpp` for the threads of a card, by the same
// step, that of emc.engine.optimizer.
#pragma once

#include "block_stack.hpp"
#include "block_transformer.hpp"
#include "split_mix.hpp"
#include "task.hpp"

namespace emc {

// Where a training stands between two slices; mirrored by emc.engine.persistent.launch.Standing.
struct Standing {
  Result result;  // marks and counts so far; the rest once it has ended
  int64_t ended, position, shuffles, epoch_samples, first_error;
  double epoch_loss;
};

// A training; all of its arrays lie in the card's memory. Mirrored by
// emc.engine.persistent.launch.Training.
struct Training {
  Task task;
  Standing progress;
  float* numbers;        // [4, size]: parameters, the gradient, both moments of the optimizer
  float* end;            // parameters in torch's layout, once it has ended
  double* epoch_losses;  // one for each epoch that the budget allows
  int32_t* order;        // [n + batch], for orders that do not fit into the block's memory
};

// What a launch trains; passed by value. Mirrored by emc.engine.persistent.launch.Launch.
struct Launch {
  Training* replicas;
  int64_t count;
  int32_t* queue;      // places taken so far
  int64_t steps;       // of a replica: it goes back into the queue at the first epoch's end after
  float* workspace;    // for each block what does not fit into its memory
  int64_t order_room;  // n + batch up to which orders lie in the block's memory
};

// How many of the four arrays of a net's numbers lie in the block's memory, beginning with the
// first, and whether what is kept of a chunk of samples does.
template <int ArraysInside, bool ChunkInside>
struct Placement {
  static constexpr int arrays = ArraysInside;
  static constexpr bool chunk = ChunkInside;
};

template <int Rows, class Where, class Stack, int Classes>
class BlockTrainer {
 public:
  static constexpr int size = Stack::size;
  static constexpr int chunk_size =
      Rows * (Stack::input_places + Stack::kept + 1) + Stack::scratch;
  static constexpr int numbers_inside = Where::arrays * size;
  static constexpr int chunk_inside = Where::chunk ? chunk_size : 0;
  // Numbers of four bytes in the block's memory, before the order.
  static constexpr int inside = numbers_inside + chunk_inside;

  BlockTrainer(const Block& block, const Launch& launch, Training& replica, float* memory,
               float* workspace)
      : block_(block), replica_(replica), task_(replica.task),
        marks_(replica.progress.result.marks), cursor_(task_.n, task_.batch, task_.order),
        ended_(replica.progress.ended), finite_(replica.progress.result.finite),
        steps_(replica.progress.result.steps), epochs_(replica.progress.result.epochs),
        epoch_samples_(replica.progress.epoch_samples),
        first_error_(replica.progress.first_error), epoch_loss_(replica.progress.epoch_loss),
        inside_(memory), outside_(replica.numbers),
        chunk_(Where::chunk ? memory + numbers_inside : workspace),
        order_(cursor_.n + cursor_.size <= launch.order_room
                   ? reinterpret_cast<int32_t*>(memory + inside)
                   : replica.order) {
    if (steps_) cursor_.position = replica.progress.position;
    cursor_.taken = replica.progress.result.gradient_evaluations;
    cursor_.shuffles = replica.progress.shuffles;
  }

  // Trains on, until it ends or to an epoch's end after so many steps.
  void advance(int64_t steps) {
    if (ended_) return;
    enter();
    const int64_t stop = steps_ + steps;
    bool within_epoch = true;
    while (!ended_ && (within_epoch || steps_ < stop)) {
      step();
      const bool budget_spent = steps_ == task_.steps;
      within_epoch = !budget_spent && !cursor_.have_ended(epochs_ + 1);
      if (!within_epoch) end_epoch(budget_spent);
    }
    leave();
  }

 private:
  template <int Number>
  float* array() const {
    return (Number < Where::arrays ? inside_ : outside_) + Number * size;
  }
  float* parameters() const { return array<0>(); }
  float* gradient() const { return array<1>(); }
  float* inputs() const { return chunk_; }
  float* kept() const { return chunk_ + Rows * Stack::input_places; }
  int32_t* labels() const {
    return reinterpret_cast<int32_t*>(kept() + Rows * Stack::kept);
  }
  float* scratch() const { return kept() + Rows * (Stack::kept + 1); }

  void enter() {
    if (steps_ == 0) {
      block_.each(size, [&](int i) {
        parameters()[i] = gradient()[i] = array<2>()[i] = array<3>()[i] = 0;
      });
      float* const numbers = parameters();
      Stack::each(block_, [&](int place, int i) { numbers[place] = task_.parameters[i]; });
    } else {
      block_.each(numbers_inside, [&](int i) { inside_[i] = outside_[i]; });
    }
    identity();
    if (cursor_.shuffles && cursor_.order != Cursor::full) permute(cursor_.shuffles - 1);
  }

  void leave() {
    block_.each(numbers_inside, [&](int i) { outside_[i] = inside_[i]; });
    Result result{finite_, epochs_, steps_, cursor_.taken, marks_, 0, 0, 0};
    if (ended_) {
      const float* const numbers = parameters();
      Stack::each(block_, [&](int place, int i) { replica_.end[i] = numbers[place]; });
      result.gradient_norm = gradient_norm();
      evaluate(result);
    }
    block_.each(1, [&](int) {
      replica_.progress = {result,         ended_,       cursor_.position, cursor_.shuffles,
                           epoch_samples_, first_error_, epoch_loss_};
    });
  }

  void step() {
    const int32_t* batch = nullptr;
    const int64_t count = next_batch(batch);
    epoch_loss_ += sum_gradient(count, batch);
    epoch_samples_ += count;
    update(task_.rates[steps_++]);
  }

  void update(double rate) {
    const float* slopes = gradient();
    float *numbers = parameters(), *mean = array<2>(), *square = array<3>();
    if (task_.rule.kind == UpdateRule::sgd) {
      const SgdStep step(task_.rule, rate);
      block_.each(size, [&](int i) { step(slopes[i], mean[i], numbers[i]); });
    } else {
      const AdamStep step(task_.rule, rate, double(steps_));
      block_.each(size, [&](int i) { step(slopes[i], mean[i], square[i], numbers[i]); });
    }
  }

  int64_t next_batch(const int32_t*& batch) {
    if (cursor_.position == cursor_.n) next_epoch();
    const int64_t count = cursor_.batch_size(), first = cursor_.position;
    batch = order_ + first;
    if (cursor_.order == Cursor::stream) {
      int32_t* const list = order_ + cursor_.n;
      int64_t filled = take(list, count);
      if (filled < count) {
        next_epoch();
        filled += take(list + filled, count - filled);
      }
      batch = list;
    } else {
      cursor_.position += count;
    }
    cursor_.taken += count;
    return count;
  }

  // Copies what is left of the permutation, at most `count` samples.
  int64_t take(int32_t* list, int64_t count) {
    const int64_t left = cursor_.n - cursor_.position, some = count < left ? count : left;
    const int32_t* from = order_ + cursor_.position;
    block_.each(some, [&](int i) { list[i] = from[i]; });
    cursor_.position += some;
    return some;
  }

  void next_epoch() {
    cursor_.position = 0;
    if (cursor_.order == Cursor::full) return;
    identity();
    permute(cursor_.shuffles++);
  }

  void identity() { block_.each(cursor_.n, [&](int i) { order_[i] = i; }); }

  void permute(int64_t epoch) {
    block_.each(1, [&](int) { shuffle(order_, cursor_.n, task_.order_seed, epoch); });
  }

  // The gradient of the mean loss over `count` samples, those listed or the first ones; returns
  // the summed loss.
  double sum_gradient(int64_t count, const int32_t* listed) {
    const Loss loss{task_.loss, float(task_.smoothing)};
    double total = 0;
    for (int64_t first = 0; first < count; first += Rows) {
      const int rows = fill(count, first, listed);
      forward(rows);
      total += losses(loss, rows, 1.0f / count);
      backward(rows, first == 0);
    }
    return total;
  }

  // Fetches a chunk of the samples from the place `first` on; returns how many.
  int fill(int64_t count, int64_t first, const int32_t* listed) {
    const int rows = count - first < Rows ? count - first : Rows;
    const auto sample = [&](int row) { return listed ? listed[first + row] : first + row; };
    constexpr int width = Stack::inputs;
    block_.each(rows * width, [&](int i) {
      const int row = i / width, column = i % width;
      inputs()[Stack::input_place(row, column, rows)] =
          task_.inputs[task_.rows[sample(row)] * width + column];
    });
    block_.each(rows, [&](int row) { labels()[row] = task_.labels[sample(row)]; });
    return rows;
  }

  void forward(int rows) {
    if constexpr (Stack::made_once)
      forward_once(block_, rows, inputs(), parameters(), kept());
    else
      Stack::forward(block_, rows, inputs(), parameters(), kept(), scratch());
  }

  void backward(int rows, bool first) {
    if constexpr (Stack::made_once)
      backward_once(block_, rows, inputs(), parameters(), gradient(), kept(), first);
    else
      Stack::backward(block_, rows, inputs(), parameters(), gradient(), kept(), first, scratch());
  }

  // The same for a net so large that its code is made once, not wherever it is called; without a
  // hint the compiler then does not see what lies in the block's memory.
  static_assert(!Stack::made_once || !Stack::scratch, "such a net has no parts of sums");

  static EMC_ONCE void forward_once(Block block, int rows, float* x, const float* weights,
                                    float* memory) {
    assume_inside<Where::chunk>(x), assume_inside<Where::chunk>(memory);
    assume_inside<(Where::arrays > 0)>(weights);
    Stack::forward(block, rows, x, weights, memory, nullptr);
  }

  static EMC_ONCE void backward_once(Block block, int rows, float* x, const float* weights,
                                     float* gradient, float* memory, bool first) {
    assume_inside<Where::chunk>(x), assume_inside<Where::chunk>(memory);
    assume_inside<(Where::arrays > 0)>(weights), assume_inside<(Where::arrays > 1)>(gradient);
    Stack::backward(block, rows, x, weights, gradient, memory, first, nullptr);
  }

  float* logits_of(int row) const { return Stack::logits(kept()) + row * odd(Classes); }

  // The summed loss of a chunk; its gradient by the logits, times `scale`, takes their place.
  double losses(const Loss& loss, int rows, float scale) {
    return block_.sum(rows, [&](int row) {
      float* const logits = logits_of(row);
      LogitBlock<Classes> block(logits);
      const float total = block.apply(loss, labels()[row]);
      for (int c = 0; c < Classes; ++c) logits[c] = block.logits[c] * scale;
      return double(total);
    });
  }

  int64_t correct(int rows) {
    return block_.sum(rows, [&](int row) {
      return LogitBlock<Classes>(logits_of(row)).correct(labels()[row]) ? 1.0 : 0.0;
    });
  }

  void end_epoch(bool budget_spent) {
    const double loss = epoch_loss_ / epoch_samples_;
    block_.each(1, [&](int) { replica_.epoch_losses[epochs_] = loss; });
    ++epochs_;
    epoch_loss_ = 0, epoch_samples_ = 0;
    finite_ = loss - loss == 0 && parameters_are_finite();
    ended_ = !finite_ || meets_criterion() || budget_spent || epochs_ == task_.epochs || is_stuck();
  }

  bool parameters_are_finite() {
    const float* numbers = parameters();
    return block_.sum(size, [&](int i) { return numbers[i] - numbers[i] == 0 ? 0.0 : 1.0; }) == 0;
  }

  bool meets_criterion() {
    const int64_t right = task_.n - count_errors(task_.n - marks_.next(task_));
    marks_.pass(task_, right, epochs_, steps_);
    return right >= task_.needed_to_fit;
  }

  // Errors over all samples, or n + 1 as soon as there are more than `allowed`. Starts where the
  // last count met its first error.
  int64_t count_errors(int64_t allowed) {
    int64_t errors = 0, place = first_error_;
    for (int64_t left = task_.n; left > 0;) {
      const int64_t end = left < task_.n - place ? place + left : task_.n;
      const int rows = fill(end, place, nullptr);
      forward(rows);
      const int64_t wrong = rows - correct(rows);
      if (!errors && wrong) first_error_ = place;
      if ((errors += wrong) > allowed) return task_.n + 1;
      left -= rows;
      place = (place + rows) % task_.n;
    }
    return errors;
  }

  // Every ten epochs, if the epoch losses of the last ten vary little: is the gradient small?
  bool is_stuck() {
    return epochs_ % plateau_window == 0 &&
           plateau(replica_.epoch_losses + epochs_ - plateau_window) <= task_.plateau_tolerance &&
           gradient_norm() <= task_.gradient_tolerance;
  }

  double gradient_norm() {
    sum_gradient(task_.n, nullptr);
    const double decay = task_.rule.coupled_decay;
    const float *slopes = gradient(), *numbers = parameters();
    return sqrt(block_.sum(size, [&](int i) {
      const double slope = slopes[i] + decay * numbers[i];
      return slope * slope;
    }));
  }

  // Accuracy and plain loss over all samples.
  void evaluate(Result& result) {
    const Loss plain{task_.loss, 0};
    for (int64_t first = 0; first < task_.n; first += Rows) {
      const int rows = fill(task_.n, first, nullptr);
      forward(rows);
      result.correct += correct(rows);
      result.loss += losses(plain, rows, 1.0f);
    }
    result.loss /= task_.n;
  }

  const Block block_;
  Training& replica_;
  const Task& task_;
  Marks marks_;
  Cursor cursor_;
  bool ended_, finite_;
  int64_t steps_, epochs_, epoch_samples_, first_error_;
  double epoch_loss_;
  float *inside_, *outside_, *chunk_;
  int32_t* order_;
};

// Takes replicas from the queue until none is left.
template <class Trainer>
inline void train(const Block& block, const Launch& launch, float* memory, float* workspace) {
  for (int64_t place; (place = block.take(launch.queue)) < launch.count;)
    Trainer(block, launch, launch.replicas[place], memory, workspace).advance(launch.steps);
}

}  // namespace emc
