// Torchvision's VisionTransformer: from a chunk of samples to their loss and its derivatives.
#pragma once

#include <vector>

#include "grid.hpp"
#include "logits.hpp"
#include "parameters.hpp"
#include "samples.hpp"
#include "tokens.hpp"

namespace emc {

// Sizes of emc.nets.transformer.Transformer; mirrored by emc.native.objective.
struct VitShape {
  int64_t colours, side, patch, depth, width, heads;
  Activation activation;
  int64_t classes;

  int patches() const { return (side / patch) * (side / patch); }
  int tokens() const { return patches() + 1; }
  int pixels() const { return colours * patch * patch; }
};

// Where the parameters lie, in the order in which torch lists them.
struct VitLayout {
  struct Block {
    int64_t norm_1;
    Affine inner, outer;
    int64_t norm_2;
    Affine up, down;
  };

  int64_t class_token, positions, last_norm, size;
  Affine embedding, head;
  std::vector<Block> blocks;

  explicit VitLayout(const VitShape& shape) {
    const int width = shape.width;
    int64_t next = 0;
    const auto numbers = [&](int64_t count) { return (next += count) - count; };
    const auto affine = [&](int inputs, int outputs) {
      const Affine map{next, inputs, outputs};
      next += map.size();
      return map;
    };
    class_token = numbers(width);
    embedding = affine(shape.pixels(), width);
    positions = numbers(int64_t(shape.tokens()) * width);
    for (int64_t b = 0; b < shape.depth; ++b) {
      Block block;
      block.norm_1 = numbers(2 * width);
      block.inner = affine(width, 3 * width);
      block.outer = affine(width, width);
      block.norm_2 = numbers(2 * width);
      block.up = affine(width, 4 * width);
      block.down = affine(4 * width, width);
      blocks.push_back(block);
    }
    last_norm = numbers(2 * width);
    head = affine(width, shape.classes);
    size = next;
  }
};

// One block of the encoder, for up to `groups` groups of samples.
template <class Number>
class VitBlock {
 public:
  VitBlock(const VitShape& shape, const VitLayout::Block& block, int groups)
      : activation_(shape.activation),
        width_(shape.width),
        tokens_(shape.tokens()),
        stride_(groups * tokens_),
        norm_1_(block.norm_1, width_, stride_, stride_),
        norm_2_(block.norm_2, width_, stride_, stride_),
        inner_(block.inner, stride_, stride_),
        outer_(block.outer, stride_, stride_),
        up_(block.up, stride_, stride_),
        down_(block.down, stride_, stride_),
        attention_(width_, shape.heads, tokens_, groups),
        joint_(3 * width_ * stride_),
        attended_(width_ * stride_),
        hidden_(4 * width_ * stride_),
        slopes_(4 * width_ * stride_) {}

  // Room that blocks share.
  struct Scratch {
    std::vector<Number> wide, narrow;

    Scratch(int width, int stride) : wide(4 * width * stride), narrow(width * stride) {}
  };

  // Changes the stream of tokens [width, stride] in place.
  void forward(Number* stream, int groups, Weights<Number> weights, Scratch& scratch) {
    lift(stream, groups, weights, scratch);
    lower(stream, groups, weights, scratch);
  }

  // The first part of it, to what the activation takes.
  void lift(Number* stream, int groups, Weights<Number> weights, Scratch& scratch) {
    const Walk all = walk(groups);
    norm_1_.forward(stream, positions(groups), weights);
    inner_.forward(all, norm_1_.output.data(), weights, joint_.data());
    attention_.forward(joint_.data(), groups, attended_.data());
    outer_.forward(all, attended_.data(), weights, scratch.narrow.data());
    add(scratch.narrow.data(), groups, stream);
    norm_2_.forward(stream, positions(groups), weights);
    up_.forward(all, norm_2_.output.data(), weights, hidden_.data());
  }

  // The sum of the |numbers| that the activation takes, over all samples.
  double size(const Samples& samples) const {
    double total = 0;
    each(4 * width_, samples.groups, [&](int place) {
      const Floats input = value(hidden_[place]);
      const Floats size = input < Floats{} ? -input : input;
      total += sum(samples.labels[place % stride_ / tokens_] >= 0 ? size : Floats{});
    });
    return total;
  }

  // The rest of it.
  void lower(Number* stream, int groups, Weights<Number> weights, Scratch& scratch) {
    activate(groups);
    down_.forward(walk(groups), hidden_.data(), weights, scratch.narrow.data());
    add(scratch.narrow.data(), groups, stream);
  }

  // Rounds off the kink of the activation over a width from now on; not over zero.
  void round(double width) { rounding_ = width; }

  // From the gradient by the tokens that leave to that by those that come, in place.
  void backward(Number* delta, int groups, Weights<Number> weights, Weights<Number> turned,
                double* gradient, Scratch& scratch) {
    const Walk all = walk(groups);
    Number *wide = scratch.wide.data(), *narrow = scratch.narrow.data();
    down_.add_to_gradient(all, hidden_.data(), delta, gradient);
    down_.back(all, delta, turned, wide);
    each(4 * width_, groups, [&](int place) { wide[place] = wide[place] * slopes_[place]; });
    up_.add_to_gradient(all, norm_2_.output.data(), wide, gradient);
    up_.back(all, wide, turned, narrow);
    norm_2_.backward(narrow, positions(groups), weights, gradient, delta);
    outer_.add_to_gradient(all, attended_.data(), delta, gradient);
    outer_.back(all, delta, turned, narrow);
    attention_.backward(joint_.data(), narrow, groups, wide);
    inner_.add_to_gradient(all, norm_1_.output.data(), wide, gradient);
    inner_.back(all, wide, turned, narrow);
    norm_1_.backward(narrow, positions(groups), weights, gradient, delta);
  }

 private:
  Walk walk(int groups) const { return {1, 1, groups * tokens_, 0, 0, 0, 0}; }
  Positions positions(int groups) const { return {groups * tokens_, 1}; }

  template <class Visit>
  void each(int rows, int groups, Visit visit) const {
    for (int row = 0; row < rows; ++row)
      for (int p = 0; p < groups * tokens_; ++p) visit(row * stride_ + p);
  }

  void add(const Number* from, int groups, Number* to) const {
    each(width_, groups, [&](int place) { to[place] += from[place]; });
  }

  void activate(int groups) {
    with_activation(activation_, [&](auto activation) {
      each(4 * width_, groups, [&](int place) {
        const Number input = hidden_[place];
        const Activated<Number> activated =
            rounding_ > 0 ? activate_rounded<activation>(input, Real(rounding_))
                          : emc::activate<activation>(input);
        hidden_[place] = activated.output;
        slopes_[place] = activated.slope;
      });
    });
  }

  const Activation activation_;
  const int width_, tokens_, stride_;
  double rounding_ = 0;
  NormRows<Number> norm_1_, norm_2_;
  AffineRows<Number> inner_, outer_, up_, down_;
  Attention<Number> attention_;
  std::vector<Number> joint_, attended_, hidden_, slopes_;
};

template <class Number>
class VitNet {
 public:
  VitNet(const VitShape& shape, int groups)
      : shape_(shape),
        layout_(shape),
        stride_(groups * shape.tokens()),
        embedding_(layout_.embedding, groups * shape.patches(), stride_),
        last_norm_(layout_.last_norm, shape.width, stride_, groups),
        head_(layout_.head, groups, groups),
        scratch_(shape.width, stride_),
        stream_(shape.width * stride_),
        head_delta_(shape.width * groups),
        logits_(shape.classes * groups),
        logits_delta_(shape.classes * groups),
        groups_(groups) {
    for (const VitLayout::Block& block : layout_.blocks) blocks_.emplace_back(shape, block, groups);
  }

  static int64_t size(const VitShape& shape) { return VitLayout(shape).size; }

  static std::vector<Matrix> matrices(const VitShape& shape) {
    const VitLayout layout(shape);
    std::vector<Matrix> all;
    const auto add = [&](const Affine& map) {
      all.push_back({map.first, map.outputs, map.inputs, 1});
    };
    for (const VitLayout::Block& block : layout.blocks)
      for (const Affine& map : {block.inner, block.outer, block.up, block.down}) add(map);
    add(layout.head);
    return all;
  }

  // Inputs are the pixels of a patch [pixels, groups, patches].
  static int64_t input_size(const VitShape& shape, int groups) {
    return int64_t(shape.pixels()) * groups * shape.patches();
  }

  // Where a feature of the samples of a group, in torch's order, lies in a chunk's inputs.
  static std::vector<int> places(const VitShape& shape, int groups, int group) {
    const int patch = shape.patch, across = shape.side / shape.patch;
    std::vector<int> all;
    for (int c = 0; c < shape.colours; ++c) {
      for (int y = 0; y < shape.side; ++y) {
        for (int x = 0; x < shape.side; ++x) {
          const int pixel = (c * patch + y % patch) * patch + x % patch;
          const int number = y / patch * across + x / patch;
          all.push_back((pixel * groups + group) * shape.patches() + number);
        }
      }
    }
    return all;
  }

  // Numbers that a group of samples takes in a net of this shape.
  static int64_t numbers(const VitShape& shape) {
    const int64_t tokens = shape.tokens(), heads = shape.heads, width = shape.width;
    return input_size(shape, 1) + tokens * (7 + 16 * shape.depth) * width +
           shape.depth * heads * tokens * tokens;
  }

  // Rounds off the kinks of each block over its width from now on; none over a width of zero.
  void round(const double* widths) {
    for (size_t b = 0; b < blocks_.size(); ++b) blocks_[b].round(widths ? widths[b] : 0);
  }

  // Adds to `sizes` [blocks] the |numbers| that each activation takes, over all samples.
  void add_sizes(const Samples& samples, Weights<Number> weights, double* sizes) {
    embed(samples, weights);
    for (size_t b = 0; b < blocks_.size(); ++b) {
      blocks_[b].lift(stream_.data(), samples.groups, weights, scratch_);
      sizes[b] += blocks_[b].size(samples);
      blocks_[b].lower(stream_.data(), samples.groups, weights, scratch_);
    }
  }

  // Adds to the totals and to `gradient`, in the order of the parameters.
  void add(const Samples& samples, const Criterion& criterion, Weights<Number> weights,
           Weights<Number> turned, double* gradient, Totals& totals) {
    embed(samples, weights);
    for (VitBlock<Number>& block : blocks_)
      block.forward(stream_.data(), samples.groups, weights, scratch_);
    last_norm_.forward(stream_.data(), first_tokens(samples), weights);
    head_.forward(head_walk(samples), last_norm_.output.data(), weights, logits_.data());
    add_loss(samples, criterion, totals);
    head_back(samples, weights, turned, gradient);
    for (size_t b = blocks_.size(); b-- > 0;)
      blocks_[b].backward(stream_.data(), samples.groups, weights, turned, gradient, scratch_);
    embed_back(samples, gradient);
  }

 private:
  Walk head_walk(const Samples& samples) const { return {1, 1, samples.groups, 0, 0, 0, 0}; }
  Positions first_tokens(const Samples& samples) const {
    return {samples.groups, shape_.tokens()};
  }

  // From the patches of every group to all of its tokens but the first.
  Walk patch_walk(const Samples& samples) const {
    return {samples.groups, 1, shape_.patches(), shape_.patches(), 0, shape_.tokens(), 0};
  }

  void embed(const Samples& samples, Weights<Number> weights) {
    embedding_.forward(patch_walk(samples), samples.inputs, weights, stream_.data() + 1);
    const Weights<Number> start = weights.from(layout_.class_token);
    const Weights<Number> places = weights.from(layout_.positions);
    const int tokens = shape_.tokens();
    for (int c = 0; c < shape_.width; ++c) {
      for (int g = 0; g < samples.groups; ++g) {
        Number* row = stream_.data() + c * stride_ + g * tokens;
        row[0] = start[c];
        for (int t = 0; t < tokens; ++t) row[t] += places[t * shape_.width + c];
      }
    }
  }

  void embed_back(const Samples& samples, double* gradient) {
    embedding_.add_to_gradient(patch_walk(samples), samples.inputs, stream_.data() + 1, gradient);
    const int tokens = shape_.tokens();
    for (int t = 0; t < tokens; ++t) {
      for (int c = 0; c < shape_.width; ++c) {
        Floats total{};
        for (int g = 0; g < samples.groups; ++g)
          total += wanted(stream_[c * stride_ + g * tokens + t]);
        const Real slope = sum(total);
        gradient[layout_.positions + t * shape_.width + c] += slope;
        if (t == 0) gradient[layout_.class_token + c] += slope;
      }
    }
  }

  void add_loss(const Samples& samples, const Criterion& criterion, Totals& totals) {
    for (int g = 0; g < samples.groups; ++g) {
      const LogitColumn<Number> column{logits_.data() + g, logits_delta_.data() + g, groups_,
                                       int(shape_.classes), samples.labels[g]};
      totals.correct += column.correct();
      totals.loss += sum(column.loss(criterion));
    }
  }

  // Leaves the gradient by all tokens that leave the last block, of which the head sees the first.
  void head_back(const Samples& samples, Weights<Number> weights, Weights<Number> turned,
                 double* gradient) {
    const Walk walk = head_walk(samples);
    head_.add_to_gradient(walk, last_norm_.output.data(), logits_delta_.data(), gradient);
    head_.back(walk, logits_delta_.data(), turned, head_delta_.data());
    std::fill(stream_.begin(), stream_.end(), Number{});
    last_norm_.backward(head_delta_.data(), first_tokens(samples), weights, gradient,
                        stream_.data());
  }

  const VitShape shape_;
  const VitLayout layout_;
  const int stride_;
  AffineRows<Number> embedding_;
  std::vector<VitBlock<Number>> blocks_;
  NormRows<Number> last_norm_;
  AffineRows<Number> head_;
  typename VitBlock<Number>::Scratch scratch_;
  std::vector<Number> stream_, head_delta_, logits_, logits_delta_;
  const int groups_;
};

}  // namespace emc
