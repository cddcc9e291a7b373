// Trains a few made-up replicas in slices by blocks of EMC_THREADS threads, and prints what became
// of them. INSIDE says how many arrays of numbers lie in the block's memory, ROOM which orders do;
// IMAGES that the net has convolutions, TOKENS that it is a vision transformer.
#define EMC_SCALAR
#include "persistent.hpp"
#include <cstdio>
#include <vector>
using namespace emc;
constexpr int rows = 8, classes = 3, count = 5;
#if defined(IMAGES)
using Net = BlockStack<rows, BlockConv<1, 2, 4, 5, Silu, true>, BlockConv<2, 5, 2, 2, Tanh, true>,
                       SplitDense<rows, 5, classes, Identity, true>>;
#elif defined(TOKENS)
using Net = BlockTransformer<rows, 1, 4, 2, 2, 6, 2, Silu, classes>;
#else
using Net = BlockStack<rows, BlockDense<5, 9, Silu, true>, BlockDense<9, classes, Identity, true>>;
#endif
constexpr int inputs = Net::inputs;
EMC_PERSISTENT(BlockTrainer<rows, Placement<INSIDE, INSIDE != 0>, Net, classes>)
int main() {
  SplitMix64 random(7);
  std::vector<float> x(40 * inputs), start(Trainer::size);
  for (float& each : x) each = random.below(2000) / 1000.0f - 1;
  for (float& each : start) each = random.below(2000) / 2000.0f - 0.5f;
  std::vector<int64_t> places(40), labels(40);
  for (int i = 0; i < 40; ++i) places[i] = i, labels[i] = random.below(classes);
  std::vector<double> rates(1000, 0.05);
  std::vector<Training> replicas(count);
  std::vector<std::vector<float>> numbers, ends;
  std::vector<std::vector<double>> losses;
  std::vector<std::vector<int32_t>> orders;
  for (int i = 0; i < count; ++i) {
    numbers.emplace_back(4 * Trainer::size), ends.emplace_back(Trainer::size);
    losses.emplace_back(1000), orders.emplace_back(100);
    Task task{x.data(), places.data(), labels.data(), start.data(), rates.data(), 20 + 5 * i, 7,
              Cursor::Order(i % 4), uint64_t(i), 12, 1 << 30, {18, 19, 20, 20 + 5 * i}, 20 + 5 * i,
              Loss::Kind(i % 2), 0.1,
              {UpdateRule::Kind(i % 2), 1, 0.9, 0.9, 0.99, 1e-8, i % 3 ? 0 : 0.01, i % 3 ? 0.01 : 0},
              1e-3, 1e-3, nullptr};
    replicas[i] = {task, {}, numbers[i].data(), ends[i].data(), losses[i].data(), orders[i].data()};
    replicas[i].progress.result.finite = 1;
  }
  std::vector<float> workspace(2 * Trainer::chunk_size);
  for (int slices = 0; slices < 40; ++slices) {
    int32_t queue = 0;
    const Launch launch{replicas.data(), count, &queue, 3, workspace.data(), ROOM};
    emc_persistent(&launch, 2, 0);
  }
  for (const Training& each : replicas) {
    const Result& found = each.progress.result;
    std::printf("%d %d %d %a %a\n", int(each.progress.ended), int(found.epochs),
                int(found.correct), found.loss, found.gradient_norm);
  }
}
