// Vision transformers computed by a block: `transformer.hpp` for the threads of a card. Token t of
// sample s is row t * samples + s of every matrix, so that the class tokens come first and all that
// follows the last encoder's keys and values is computed for them alone.
#pragma once

#include "block_attention.hpp"
#include "block_norm.hpp"

namespace emc {

// An encoder that updates the first `Queries` of its tokens in place. `memory` holds what it keeps
// of up to `Rows` samples.
template <int Rows, int Tokens, int Queries, int Width, int Heads, class Activation>
struct BlockEncoder {
  using Norm = BlockNorm<Width>;
  using Query = BlockDense<Width, Width, Identity, true>;
  using KeyValue = BlockDense<Width, 2 * Width, Identity, true>;
  using Out = BlockDense<Width, Width, Identity, true>;
  using Hidden = BlockDense<Width, 4 * Width, Activation, true>;
  using Back = BlockDense<4 * Width, Width, Identity, true>;
  using Attention = BlockAttention<Tokens, Queries, Width, Heads>;

  // Where the parameters of each part begin.
  static constexpr int norm_1 = 0, query = norm_1 + Norm::size;
  static constexpr int key_value = query + Query::size, out = key_value + KeyValue::size;
  static constexpr int norm_2 = out + Out::size, hidden = norm_2 + Norm::size;
  static constexpr int back = hidden + Hidden::size, size = back + Back::size;

  // Where in torch's order those begin that follow attention, and how many there are.
  static constexpr int plain_out = 2 * Width + 3 * Width * (Width + 1);
  static constexpr int plain_norm_2 = plain_out + Out::plain_size;
  static constexpr int plain_hidden = plain_norm_2 + Norm::size;
  static constexpr int plain_back = plain_hidden + Hidden::plain_size;
  static constexpr int plain_size = plain_back + Back::plain_size;

  // Where what is kept of a sample begins.
  static constexpr int normed_1 = 0, queries = normed_1 + Tokens * Norm::pitch;
  static constexpr int keys_values = queries + Queries * Query::pitch;
  static constexpr int weights_of_tokens = keys_values + Tokens * KeyValue::pitch;
  static constexpr int attended = weights_of_tokens + Attention::weights_size;
  static constexpr int normed_2 = attended + Queries * Query::pitch;
  static constexpr int hidden_outputs = normed_2 + Queries * Norm::pitch;
  static constexpr int hidden_slopes = hidden_outputs + Queries * Hidden::pitch;
  static constexpr int kept =
      hidden_slopes + (Activation::from_output ? 0 : Queries * Hidden::pitch);

  // Calls visit(place, number) for each parameter; those of queries, keys and values are joint in
  // torch's order.
  template <class Visit>
  static void each(const Block& block, Visit visit) {
    const auto part = [&](int place, int number) {
      return [=](int p, int n) { visit(place + p, number + n); };
    };
    Norm::each(block, part(norm_1, 0));
    each_joint<Query>(block, 0, part(query, Norm::size));
    each_joint<KeyValue>(block, Width, part(key_value, Norm::size));
    Out::each(block, part(out, plain_out));
    Norm::each(block, part(norm_2, plain_norm_2));
    Hidden::each(block, part(hidden, plain_hidden));
    Back::each(block, part(back, plain_back));
  }

  static void forward(const Block& block, int samples, float* stream, const float* weights,
                      float* memory) {
    const int rows = Queries * samples, all = Tokens * samples;
    const auto kept = in(memory);
    Norm::forward(block, all, stream, memory + Rows * normed_1);
    const auto normed = output(memory, normed_1, weights + norm_1);
    Query::multiply(block, rows, normed, weights + query, to<Query>(kept.queries));
    KeyValue::multiply(block, all, normed, weights + key_value, to<KeyValue>(kept.keys_values));
    Attention::forward(block, samples, kept);
    Out::multiply(block, rows, RowsOf<Width>{kept.attended}, weights + out, add_to(stream));

    Norm::forward(block, rows, stream, memory + Rows * normed_2);
    const KeptRows found = hidden_in(memory);
    Hidden::multiply(block, rows, output(memory, normed_2, weights + norm_2), weights + hidden,
                     [&](int row, int column, float sum) {
                       Hidden::activate(sum, row * Hidden::pitch + column, found);
                     });
    Back::multiply(block, rows, RowsOf<4 * Width>{found.outputs}, weights + back, add_to(stream));
  }

  // From the gradient by the tokens that leave to that by those that come, in place. `normed_delta`
  // has room for all tokens.
  static void backward(const Block& block, int samples, float* delta, const float* weights,
                       float* gradient, float* memory, bool first, float* normed_delta) {
    const int rows = Queries * samples;
    const KeptRows found = hidden_in(memory);
    const auto normed = output(memory, normed_2, weights + norm_2);
    Back::add_gradient_of(block, rows, RowsOf<4 * Width>{found.outputs}, delta, gradient + back,
                          first);
    Back::multiply_back(block, rows, delta, weights + back, [&](int row, int column, float sum) {
      pass_back<Activation>(sum, row * Hidden::pitch + column, found);
    });
    Hidden::add_gradient_of(block, rows, normed, found.outputs, gradient + hidden, first);
    Hidden::multiply_back(block, rows, found.outputs, weights + hidden, to<Query>(normed_delta));
    Norm::backward(block, rows, normed_delta, normed.normalised, weights + norm_2,
                   gradient + norm_2, first, delta);
    attend_back(block, samples, delta, weights, gradient, memory, first, normed_delta);
  }

 private:
  static void attend_back(const Block& block, int samples, float* delta, const float* weights,
                          float* gradient, float* memory, bool first, float* normed_delta) {
    const int rows = Queries * samples, all = Tokens * samples;
    const auto kept = in(memory);
    const auto normed = output(memory, normed_1, weights + norm_1);
    Out::add_gradient_of(block, rows, RowsOf<Width>{kept.attended}, delta, gradient + out, first);
    Out::multiply_back(block, rows, delta, weights + out, to<Query>(kept.attended));
    Attention::backward(block, samples, kept, normed_delta);
    Query::add_gradient_of(block, rows, normed, kept.attended, gradient + query, first);
    KeyValue::add_gradient_of(block, all, normed, kept.keys_values, gradient + key_value, first);
    KeyValue::multiply_back(block, all, kept.keys_values, weights + key_value,
                            to<Query>(normed_delta));
    Query::multiply_back(block, rows, kept.attended, weights + query, add_to(normed_delta));
    Norm::backward(block, all, normed_delta, normed.normalised, weights + norm_1,
                   gradient + norm_1, first, delta);
  }

  // Calls visit(place, number) for a layer of which `before` units come first in torch's joint one:
  // the weights of all units, then their biases.
  template <class Layer, class Visit>
  static void each_joint(const Block& block, int before, Visit visit) {
    constexpr int units = Layer::plain_size / (Width + 1);
    Layer::each(block, [&](int place, int number) {
      const int bias = number - units * Width;
      visit(place, bias < 0 ? before * Width + number : 3 * Width * Width + before + bias);
    });
  }

  static typename Attention::Kept in(float* memory) {
    return {memory + Rows * queries, memory + Rows * keys_values, memory + Rows * weights_of_tokens,
            memory + Rows * attended};
  }

  static KeptRows hidden_in(float* memory) {
    return {memory + Rows * hidden_outputs, memory + Rows * hidden_slopes, nullptr};
  }

  static typename Norm::Output output(const float* memory, int normed, const float* weights) {
    return {memory + Rows * normed, weights};
  }

  template <class Layer>
  static auto to(float* matrix) {
    return [=](int row, int column, float sum) { matrix[row * Layer::pitch + column] = sum; };
  }

  static auto add_to(float* matrix) {
    return [=](int row, int column, float sum) { matrix[row * odd(Width) + column] += sum; };
  }
};

// A net for up to Rows square images of `Side` pixels in patches of `Patch`, as BlockStack is one.
template <int Rows, int Colours, int Side, int Patch, int Depth, int Width, int Heads,
          class Activation, int Classes>
class BlockTransformer {
  static constexpr int across = Side / Patch, patches = across * across, tokens = patches + 1;
  static constexpr int pixels = Colours * Patch * Patch;

  using Embedding = BlockDense<pixels, Width, Identity, true>;
  using Inner = BlockEncoder<Rows, tokens, tokens, Width, Heads, Activation>;
  using Last = BlockEncoder<Rows, tokens, 1, Width, Heads, Activation>;
  using Norm = BlockNorm<Width>;
  using Head = BlockDense<Width, Classes, Identity, true>;

  // Where the parameters of each part begin, and in torch's order.
  static constexpr int embedding = Width, positions = embedding + Embedding::size;
  static constexpr int first_encoder = positions + tokens * Width;
  static constexpr int norm = first_encoder + Depth * Inner::size, head = norm + Norm::size;
  static constexpr int plain_positions = Width + Embedding::plain_size;
  static constexpr int plain_encoder = plain_positions + tokens * Width;
  static constexpr int plain_norm = plain_encoder + Depth * Inner::plain_size;

  // Where what is kept of a sample begins.
  static constexpr int stream = 0, normed_delta = stream + tokens * odd(Width);
  static constexpr int encoders = normed_delta + tokens * odd(Width);
  static constexpr int last = encoders + (Depth - 1) * Inner::kept;
  static constexpr int normed = last + Last::kept, logits_of_sample = normed + Norm::pitch;

 public:
  static constexpr int inputs = Colours * Side * Side, input_places = patches * odd(pixels);
  static constexpr int size = head + Head::size;
  static constexpr int kept = logits_of_sample + Head::pitch, scratch = 0;
  static constexpr bool made_once = true;

  template <class Visit>
  static void each(const Block& block, Visit visit) {
    const auto part = [&](int place, int number) {
      return [=](int p, int n) { visit(place + p, number + n); };
    };
    block.each(Width, [&](int i) { visit(i, i); });
    Embedding::each(block, part(embedding, Width));
    block.each(tokens * Width, [&](int i) { visit(positions + i, plain_positions + i); });
    for (int e = 0; e < Depth; ++e)
      Inner::each(block, part(encoder(e), plain_encoder + e * Inner::plain_size));
    Norm::each(block, part(norm, plain_norm));
    Head::each(block, part(head, plain_norm + Norm::size));
  }

  // Patch p of sample s is row p * samples + s.
  static EMC_INLINE int input_place(int sample, int number, int samples) {
    const int colour = number / (Side * Side), y = number / Side % Side, x = number % Side;
    const int patch = y / Patch * across + x / Patch;
    const int pixel = (colour * Patch + y % Patch) * Patch + x % Patch;
    return (patch * samples + sample) * odd(pixels) + pixel;
  }

  static void forward(const Block& block, int samples, const float* x, const float* weights,
                      float* memory, float*) {
    float* const tokens_now = memory + Rows * stream;
    embed(block, samples, x, weights, tokens_now);
    EMC_ROLLED for (int e = 0; e < Depth - 1; ++e)
      Inner::forward(block, samples, tokens_now, weights + encoder(e), inner(memory, e));
    Last::forward(block, samples, tokens_now, weights + encoder(Depth - 1), memory + Rows * last);
    Norm::forward(block, samples, tokens_now, memory + Rows * normed);
    float* const to = logits(memory);
    Head::multiply(block, samples, output(memory, weights), weights + head,
                   [&](int row, int column, float sum) { to[row * Head::pitch + column] = sum; });
  }

  // From the delta of the logits, in their place, to the gradient.
  static void backward(const Block& block, int samples, const float* x, const float* weights,
                       float* gradient, float* memory, bool first, float*) {
    float *const delta = memory + Rows * stream, *const room = memory + Rows * normed_delta;
    head_back(block, samples, weights, gradient, memory, first);
    Last::backward(block, samples, delta, weights + encoder(Depth - 1),
                   gradient + encoder(Depth - 1), memory + Rows * last, first, room);
    EMC_ROLLED for (int e = Depth - 2; e >= 0; --e)
      Inner::backward(block, samples, delta, weights + encoder(e), gradient + encoder(e),
                      inner(memory, e), first, room);
    embed_back(block, samples, x, delta, gradient, first);
  }

  static float* logits(float* memory) { return memory + Rows * logits_of_sample; }

 private:
  static constexpr int encoder(int number) { return first_encoder + number * Inner::size; }
  static float* inner(float* memory, int number) {
    return memory + Rows * (encoders + number * Inner::kept);
  }
  static typename Norm::Output output(const float* memory, const float* weights) {
    return {memory + Rows * normed, weights + norm};
  }

  static void embed(const Block& block, int samples, const float* x, const float* weights,
                    float* to) {
    block.each(samples * Width, [&](int i) {
      const int column = i % Width, sample = i / Width;
      to[sample * odd(Width) + column] = weights[column] + weights[positions + column];
    });
    Embedding::multiply(block, patches * samples, RowsOf<pixels>{x}, weights + embedding,
                        [&](int row, int column, float sum) {
                          const int token = row / samples + 1;
                          to[(samples + row) * odd(Width) + column] =
                              sum + weights[positions + token * Width + column];
                        });
  }

  // Leaves the gradient by all tokens that leave the last encoder: the head sees the first.
  static void head_back(const Block& block, int samples, const float* weights, float* gradient,
                        float* memory, bool first) {
    const auto x = output(memory, weights);
    const float* const delta = logits(memory);
    float *const to = memory + Rows * stream, *const room = memory + Rows * normed_delta;
    Head::add_gradient_of(block, samples, x, delta, gradient + head, first);
    Head::multiply_back(block, samples, delta, weights + head,
                        [&](int row, int column, float sum) {
                          room[row * odd(Width) + column] = sum;
                        });
    block.each(tokens * samples * odd(Width), [&](int i) { to[i] = 0; });
    Norm::backward(block, samples, room, x.normalised, weights + norm, gradient + norm, first, to);
  }

  static void embed_back(const Block& block, int samples, const float* x, const float* delta,
                         float* gradient, bool first) {
    Embedding::add_gradient_of(block, patches * samples, RowsOf<pixels>{x},
                               delta + samples * odd(Width), gradient + embedding, first);
    block.each(tokens * Width, [&](int i) {
      const int token = i / Width, column = i % Width;
      float sum = 0;
      for (int s = 0; s < samples; ++s)
        sum += delta[(token * samples + s) * odd(Width) + column];
      float& total = gradient[positions + i];
      total = first ? sum : total + sum;
      if (token == 0) gradient[column] = total;
    });
  }
};

}  // namespace emc
