// Vision transformers (Dosovitskiy et al. 2021) as torchvision builds them: patches and a class
// token, blocks that normalise before attention and before an MLP, a head on the class token.
//
// Token t of sample s is row t * samples + s of every matrix, so that the class tokens come first
// and all that follows the last block's keys and values is computed for them alone.
#pragma once

#include <algorithm>

#include "attention.hpp"
#include "chunk.hpp"
#include "dense.hpp"
#include "norm.hpp"

namespace emc {

// A dense layer and its weights transposed, for the gradient by its inputs.
template <class Layer>
class Turned {
 public:
  void prepare(const float* parameters) {
    transpose_panels<Layer::inputs, Layer::outputs>(parameters, transposed_);
  }

  template <class Finish>
  void input_gradient(const float* delta, int rows, Finish finish) const {
    Layer::input_gradient(delta, rows, transposed_, finish);
  }

 private:
  alignas(64) float transposed_[Layer::Transposed::size];
};

// Matrices that blocks need only for a moment, one after the other.
template <int Rows, int Width>
struct Scratch {
  alignas(64) float queries[Rows * round_up(Width, lanes)];
  alignas(64) float keys_values[Rows * round_up(2 * Width, lanes)];
  alignas(64) float normed_delta[Rows * round_up(Width, lanes)];
  alignas(64) float hidden_delta[Rows * round_up(4 * Width, lanes)];
};

// A block that updates the first `Queries` of its tokens in place.
template <int Samples, int Tokens, int Queries, int Width, int Heads, class Activation>
class Block {
  using Query = Dense<Width, Width, Identity, true>;
  using KeyValue = Dense<Width, 2 * Width, Identity, true>;
  using Out = Dense<Width, Width, Identity, true>;
  using Hidden = Dense<Width, 4 * Width, Activation, true>;
  using Back = Dense<4 * Width, Width, Identity, true>;
  using BeforeAttention = Norm<Tokens * Samples, Width>;
  using BeforeMlp = Norm<Queries * Samples, Width>;

  // Where the parameters of each part begin.
  static constexpr int norm_1 = 0, query = norm_1 + BeforeAttention::size;
  static constexpr int key_value = query + Query::size, out = key_value + KeyValue::size;
  static constexpr int norm_2 = out + Out::size, hidden = norm_2 + BeforeMlp::size;
  static constexpr int back = hidden + Hidden::size;

  static constexpr int columns = Query::columns;

 public:
  using Work = Scratch<Tokens * Samples, Width>;
  static constexpr int size = back + Back::size;

  // Calls visit(place) for every parameter in torch's order; those of queries, keys and values are
  // joint there.
  template <class Visit>
  static void each(Visit visit) {
    const auto part = [&](int first) { return [=](int place) { visit(first + place); }; };
    BeforeAttention::each(part(norm_1));
    Query::each_weight(part(query));
    KeyValue::each_weight(part(key_value));
    Query::each_bias(part(query));
    KeyValue::each_bias(part(key_value));
    Out::each(part(out));
    BeforeMlp::each(part(norm_2));
    Hidden::each(part(hidden));
    Back::each(part(back));
  }

  void prepare_backward(const float* parameters) {
    query_.prepare(parameters + query);
    key_value_.prepare(parameters + key_value);
    out_.prepare(parameters + out);
    hidden_.prepare(parameters + hidden);
    back_.prepare(parameters + back);
  }

  // `stream` holds the tokens of `samples` samples.
  void forward(float* stream, int samples, const float* parameters, Work& work) {
    attend(stream, samples, parameters, work);
    const int rows = Queries * samples;
    norm_2_.forward(stream, rows, parameters + norm_2);
    Hidden::forward(norm_2_.output(), rows, parameters + hidden, hidden_output_, hidden_slopes_);
    add_product<Back>(Consecutive<Hidden::columns>{hidden_output_}, rows, parameters + back,
                      stream);
  }

  // From the gradient by the tokens that leave to that by those that come, in place; adds to
  // `gradient`.
  void backward(float* delta, int samples, const float* parameters, float* gradient, Work& work) {
    const int rows = Queries * samples;
    Back::add_gradient(Consecutive<Hidden::columns>{hidden_output_}, rows, delta, gradient + back);
    back_.input_gradient(delta, rows, [&](int row, int column, Floats value) {
      const int place = row * Hidden::columns + column;
      store(work.hidden_delta + place,
            value * Hidden::slope(hidden_output_, hidden_slopes_, place));
    });
    Hidden::add_gradient(norm_2_.output(), rows, work.hidden_delta, gradient + hidden);
    hidden_.input_gradient(work.hidden_delta, rows, to(work.normed_delta));
    norm_2_.backward(work.normed_delta, rows, parameters + norm_2, gradient + norm_2, delta);
    attend_back(delta, samples, parameters, gradient, work);
  }

 private:
  void attend(float* stream, int samples, const float* parameters, Work& work) {
    const int rows = Queries * samples, all = Tokens * samples;
    norm_1_.forward(stream, all, parameters + norm_1);
    Query::forward(norm_1_.output(), rows, parameters + query, work.queries, nullptr);
    KeyValue::forward(norm_1_.output(), all, parameters + key_value, work.keys_values, nullptr);
    attention_.forward(work.queries, work.keys_values, samples, attended_);
    add_product<Out>(Consecutive<columns>{attended_}, rows, parameters + out, stream);
  }

  void attend_back(float* delta, int samples, const float* parameters, float* gradient,
                   Work& work) {
    const int rows = Queries * samples, all = Tokens * samples;
    Out::add_gradient(Consecutive<columns>{attended_}, rows, delta, gradient + out);
    out_.input_gradient(delta, rows, to(work.normed_delta));
    attention_.backward(work.normed_delta, samples, work.queries, work.keys_values);
    Query::add_gradient(norm_1_.output(), rows, work.queries, gradient + query);
    KeyValue::add_gradient(norm_1_.output(), all, work.keys_values, gradient + key_value);
    key_value_.input_gradient(work.keys_values, all, to(work.normed_delta));
    query_.input_gradient(work.queries, rows, add_to(work.normed_delta));
    norm_1_.backward(work.normed_delta, all, parameters + norm_1, gradient + norm_1, delta);
  }

  template <class Layer, class Left>
  static void add_product(Left left, int rows, const float* parameters, float* stream) {
    multiply<Layer::inputs, Layer::outputs>(
        left, rows, parameters,
        [&](int column) { return load(parameters + Layer::Weights::size + column); },
        add_to(stream));
  }

  static auto to(float* matrix) {
    return [=](int row, int column, Floats value) {
      store(matrix + row * columns + column, value);
    };
  }

  static auto add_to(float* matrix) {
    return [=](int row, int column, Floats value) {
      float* place = matrix + row * columns + column;
      store(place, load(place) + value);
    };
  }

  BeforeAttention norm_1_;
  Attention<Samples, Tokens, Queries, Width, Heads> attention_;
  alignas(64) float attended_[Queries * Samples * columns];
  BeforeMlp norm_2_;
  alignas(64) float hidden_output_[Queries * Samples * Hidden::columns];
  alignas(64) float hidden_slopes_[Activation::from_output ? 1
                                                           : Queries * Samples * Hidden::columns];
  Turned<Query> query_;
  Turned<KeyValue> key_value_;
  Turned<Out> out_;
  Turned<Hidden> hidden_;
  Turned<Back> back_;
};

// Square images of `Side` pixels in patches of `Patch`.
template <int Colours, int Side, int Patch, int Depth, int Width, int Heads, class Activation,
          int Classes>
class VisionTransformer {
  static constexpr int patches = (Side / Patch) * (Side / Patch), tokens = patches + 1;
  static constexpr int pixels = Colours * Patch * Patch;

  // About half a megabyte of activations at a time stays in the second-level cache.
  static constexpr int floats_of_sample = Depth * tokens * 20 * Width;
  static constexpr int fitting = (1 << 17) / floats_of_sample / lanes * lanes;
  static constexpr int samples = std::clamp(fitting, lanes, 128);

  using Embedding = Dense<pixels, Width, Identity, true>;
  using Inner = Block<samples, tokens, tokens, Width, Heads, Activation>;
  using Last = Block<samples, tokens, 1, Width, Heads, Activation>;
  using BeforeHead = Norm<samples, Width>;
  using Head = Dense<Width, Classes, Identity, true>;

  static constexpr int columns = Embedding::columns;

  // Where the parameters of each part begin.
  static constexpr int embedding = columns, positions = embedding + Embedding::size;
  static constexpr int first_block = positions + tokens * columns;
  static constexpr int norm = first_block + Depth * Inner::size, head = norm + BeforeHead::size;

 public:
  using Samples = Chunk<samples>;
  static constexpr int size = head + Head::size, inputs = Colours * Side * Side;

  static void read(const float* plain, float* parameters) {
    each([&](int place) { parameters[place] = *plain++; });
  }

  static void write(const float* parameters, float* plain) {
    each([&](int place) { *plain++ = parameters[place]; });
  }

  void prepare_forward(const float*) {}

  // The parameters stay where they are until backward.
  void prepare_backward(const float* parameters) {
    parameters_ = parameters;
    for (int b = 0; b < Depth - 1; ++b) inner_[b].prepare_backward(parameters + block(b));
    last_.prepare_backward(parameters + block(Depth - 1));
    head_.prepare(parameters + head);
  }

  const float* forward(const Samples& chunk, const float* parameters) {
    embed(chunk, parameters);
    for (int b = 0; b < Depth - 1; ++b)
      inner_[b].forward(stream_, chunk.rows, parameters + block(b), work_);
    last_.forward(stream_, chunk.rows, parameters + block(Depth - 1), work_);
    norm_.forward(stream_, chunk.rows, parameters + norm);
    Head::forward(norm_.output(), chunk.rows, parameters + head, logits_, nullptr);
    return logits_;
  }

  float* logits_delta() { return logits_delta_; }

  void backward(const Samples& chunk, float* gradient) {
    const int rows = chunk.rows;
    head_back(rows, gradient);
    last_.backward(stream_, rows, parameters_ + block(Depth - 1), gradient + block(Depth - 1),
                   work_);
    for (int b = Depth - 2; b >= 0; --b)
      inner_[b].backward(stream_, rows, parameters_ + block(b), gradient + block(b), work_);
    Embedding::add_gradient(Consecutive<pixels>{patches_}, patches * rows, stream_ + rows * columns,
                            gradient + embedding);
    for (int t = 0; t < tokens; ++t)
      add_column_sums<columns>(stream_ + t * rows * columns, rows, gradient + position(t));
    add_column_sums<columns>(stream_, rows, gradient);
  }

 private:
  static constexpr int block(int number) { return first_block + number * Inner::size; }
  static constexpr int position(int token) { return positions + token * columns; }

  // Calls visit(place) for every parameter in the order in which torch lists the module's.
  template <class Visit>
  static void each(Visit visit) {
    const auto part = [&](int first) { return [=](int place) { visit(first + place); }; };
    for (int i = 0; i < Width; ++i) visit(i);
    Embedding::each(part(embedding));
    for (int t = 0; t < tokens; ++t)
      for (int i = 0; i < Width; ++i) visit(position(t) + i);
    for (int b = 0; b < Depth; ++b) Inner::each(part(block(b)));
    BeforeHead::each(part(norm));
    Head::each(part(head));
  }

  void embed(const Samples& chunk, const float* parameters) {
    const int rows = chunk.rows;
    for (int c = 0; c < columns; c += lanes) {
      const Floats token = load(parameters + c) + load(parameters + position(0) + c);
      for (int s = 0; s < rows; ++s) store(stream_ + s * columns + c, token);
    }
    for (int s = 0; s < rows; ++s) cut(chunk.samples[s], s, rows);
    for (int p = 0; p < patches; ++p)
      embed_patch(patches_ + p * rows * pixels, rows, parameters, p + 1);
  }

  // One patch of every sample becomes a token.
  void embed_patch(const float* patch, int rows, const float* parameters, int token) {
    const float* bias = parameters + embedding + Embedding::Weights::size;
    const float* place = parameters + position(token);
    float* to = stream_ + token * rows * columns;
    multiply<pixels, Width>(
        Consecutive<pixels>{patch}, rows, parameters + embedding,
        [&](int c) { return load(bias + c) + load(place + c); },
        [&](int row, int c, Floats sum) { store(to + row * columns + c, sum); });
  }

  // Copies an image's patches to where they lie as rows of all samples' patches.
  void cut(const float* image, int sample, int samples) {
    constexpr int across = Side / Patch;
    for (int p = 0; p < patches; ++p) {
      float* to = patches_ + (p * samples + sample) * pixels;
      const float* corner = image + p / across * Patch * Side + p % across * Patch;
      for (int colour = 0; colour < Colours; ++colour)
        for (int y = 0; y < Patch; ++y, to += Patch)
          std::copy_n(corner + (colour * Side + y) * Side, Patch, to);
    }
  }

  // Leaves the gradient by all tokens that leave the last block, of which the head sees the first.
  void head_back(int rows, float* gradient) {
    Head::add_gradient(norm_.output(), rows, logits_delta_, gradient + head);
    head_.input_gradient(logits_delta_, rows, [&](int row, int column, Floats value) {
      store(work_.normed_delta + row * columns + column, value);
    });
    std::fill_n(stream_, tokens * rows * columns, 0.0f);
    norm_.backward(work_.normed_delta, rows, parameters_ + norm, gradient + norm, stream_);
  }

  const float* parameters_ = nullptr;
  alignas(64) float patches_[samples * patches * pixels];
  alignas(64) float stream_[samples * tokens * columns];  // tokens, then the gradient by them
  Inner inner_[Depth > 1 ? Depth - 1 : 1];
  Last last_;
  BeforeHead norm_;
  Turned<Head> head_;
  alignas(64) float logits_[samples * Head::columns];
  alignas(64) float logits_delta_[samples * Head::columns];
  Scratch<samples * tokens, Width> work_;
};

}  // namespace emc
