// Geometry of attention: what a query finds among values, by the likeness of keys.
#pragma once
#include <cstdint>

namespace flambeau::backend {

// Rows of adjacent items, one for each position of each head of each sample; distances in items.
struct HeadRows {
  char* data;
  int64_t batch, head, row;
};

// Which pairs may attend (bools), or what is added to their scores (items of the kernel's computing type).
struct AttentionMask {
  const char* data = nullptr;
  bool adds = false;
  int64_t batch = 0, head = 0, row = 0, column = 0;
};

// Softmax(scale Q K^T + mask) V for `heads` heads of queries, of which heads / key_heads in a row share a
// head of keys and values. With `causal`, query i attends to the keys up to i.
struct Attention {
  int64_t batch, heads, key_heads, queries, keys, width, value_width;
  double scale;
  bool causal;
  HeadRows query, key, value;
  AttentionMask mask;
};

// What the backward pass reads beside the inputs, and what it writes. `normalizers` are the logarithms of the
// sums of the exponentials of the scores, (batch, heads, queries), of the computing type.
struct AttentionGradients {
  HeadRows grad_output, output;
  const void* normalizers;
  HeadRows query, key, value;
};

}  // namespace flambeau::backend
