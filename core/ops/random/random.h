// What operators that draw random numbers share.
#pragma once
#include "core/ops/expose.h"
#include "core/parallel/function_ref.h"
#include "core/random/generator.h"

namespace flambeau {

// Runs draw(generator, items) on n items' contiguous memory; the generator is locked, and the GIL released if
// the draw takes long. A null generator stands for the default one. `draw` sees raw pointers only.
using Draw = FunctionRef<void(Generator& generator, void* items)>;
void draw_items(Generator* generator, void* items, int64_t n, int64_t nanoseconds_per_item, Draw draw);

// Fills a tensor of any strides. Draws follow the order of its items in memory, which for a contiguous tensor
// is that of its indices. No history, no version.
void draw_into(const Tensor& target, Generator* generator, int64_t nanoseconds_per_item, Draw draw);

// The dimensions of t from the largest stride to the smallest.
Dims memory_order(const Tensor& t);
// A view without history.
Tensor permuted_alias(const Tensor& t, const Dims& order);

// Standard normals, or normals of one mean and deviation, everywhere in target. No history, no version.
void draw_normal(const Tensor& target, Generator* generator, double mean = 0, double std = 1);

}  // namespace flambeau
