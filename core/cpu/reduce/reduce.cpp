#include "core/cpu/reduce/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {
namespace {

using Axis = Reduction::Axis;

// Elements that are worth a thread of their own.
constexpr int64_t kGrain = 32768;
// How finely a long reduction is cut at most. It must not depend on the number of threads: nor may the
// result.
constexpr int64_t kMaxChunks = 32;
// A kept axis this long is split rather than the reduced one.
constexpr int64_t kEnoughOutputs = 16;
// Threads share rows of contiguous columns in pieces of this many.
constexpr int64_t kColumnStep = 64;

bool reduces_rows(const Reduction& r) {
  return r.reduced_rank == 0 || r.reduced[r.reduced_rank - 1].stride == 1;
}

int longest(const Axis* axes, int rank) {
  return static_cast<int>(
      std::max_element(axes, axes + rank, [](const Axis& a, const Axis& b) { return a.size < b.size; }) -
      axes);
}

// How a reduction is cut for the threads.
struct Cut {
  enum { None, Kept, Reduced } what = None;
  int axis = 0;
  int64_t step = 1;    // ranges along a kept axis begin at multiples of it
  int64_t chunks = 1;  // of a reduced axis
};

Cut choose_cut(const Reduction& r) {
  const int64_t total = r.outputs * r.count;
  if (total <= 2 * kGrain) return {};
  Cut kept;
  int64_t pieces = 0;
  for (int i = 0; i < r.kept_rank; ++i) {
    const bool column = !reduces_rows(r) && r.kept[i].stride == 1;
    const int64_t step = column ? kColumnStep : 1;
    const int64_t here = column && r.kept[i].size < 8 * kColumnStep ? 1 : r.kept[i].size / step;
    if (here > pieces) {
      pieces = here;
      kept = {Cut::Kept, i, step, 1};
    }
  }
  if (pieces >= kEnoughOutputs || (pieces > 1 && r.count < 4 * kGrain)) return kept;
  if (r.reduced_rank == 0 || r.outputs > total / 64) return pieces > 1 ? kept : Cut{};
  const int axis = longest(r.reduced, r.reduced_rank);
  const int64_t chunks = std::min({r.reduced[axis].size, total / kGrain, kMaxChunks});
  return chunks > 1 ? Cut{Cut::Reduced, axis, 1, chunks} : Cut{};
}

// body(part of r, offset into the input, offset into the output) for ranges of a kept axis.
template <class Body>
void over_kept(const Reduction& r, const Cut& cut, Body body) {
  const int64_t size = r.kept[cut.axis].size, steps = (size + cut.step - 1) / cut.step;
  const int64_t work = std::max<int64_t>(1, r.outputs * r.count / steps);
  parallel_for(0, steps, (kGrain + work - 1) / work, [&](int64_t first, int64_t last) {
    const int64_t begin = first * cut.step, end = std::min(size, last * cut.step);
    Reduction part = r;
    Axis& axis = part.kept[cut.axis];
    axis.size = end - begin;
    part.outputs = r.outputs / size * axis.size;
    body(part, begin * axis.stride, begin * axis.out_stride);
  });
}

// body(chunk, part of r, offset into the input, first index) for chunks of a reduced axis. The parts' outputs
// lie at `chunk * outputs`, contiguous in the order of the kept axes.
template <class Body>
void over_chunks(const Reduction& r, const Cut& cut, Body body) {
  const int64_t size = r.reduced[cut.axis].size;
  Reduction part = r;
  int64_t step = 1;
  for (int i = r.kept_rank - 1; i >= 0; --i) {
    part.kept[i].out_stride = step;
    step *= r.kept[i].size;
  }
  parallel_for(0, cut.chunks, 1, [&](int64_t first, int64_t last) {
    for (int64_t chunk = first; chunk < last; ++chunk) {
      const int64_t begin = size * chunk / cut.chunks, end = size * (chunk + 1) / cut.chunks;
      Reduction mine = part;
      Axis& axis = mine.reduced[cut.axis];
      axis.size = end - begin;
      mine.count = r.count / size * axis.size;
      body(chunk, mine, begin * axis.stride, begin);
    }
  });
}

// The reduction of over_chunks' parts to r's outputs.
Reduction of_chunks(const Reduction& r, const Cut& cut) {
  Reduction last = r;
  int64_t step = 1;
  for (int i = r.kept_rank - 1; i >= 0; --i) {
    last.kept[i].stride = step;
    step *= r.kept[i].size;
  }
  last.kept_rank = merge_neighbours(last.kept, r.kept_rank, true);
  last.reduced_rank = 1;
  last.reduced[0] = {cut.chunks, r.outputs, 0};
  last.count = cut.chunks;
  return last;
}

struct Steps {
  Reduce part, last;
  DType between;
};
Steps steps_of(Reduce op, DType dtype) {
  switch (op) {
    case Reduce::Sum:
      return {op, op, reduce_output(op, dtype)};
    case Reduce::Mean:
      return {Reduce::Sum, Reduce::Mean, dtype};
    case Reduce::Prod:
      return {op, op, reduce_output(op, dtype)};
    case Reduce::Any:
    case Reduce::All:
      return {op, op, DType::Bool};
    case Reduce::CountNonzero:
      return {op, Reduce::Sum, DType::Int64};
    case Reduce::MaxOfAbs:
      return {op, Reduce::Max, dtype};
    case Reduce::SumOfAbs:
    case Reduce::NanSum:
      return {op, Reduce::Sum, dtype};
    default:
      return {op, op, dtype};  // Max, Min; a norm is the norm of the parts' norms
  }
}

ReduceKernel kernel_of(Reduce op, DType dtype) {
  return kernels().reduce.reduce[static_cast<int>(op)][static_cast<int>(dtype)];
}

// ---- doubles out of the range in which their sums, or squares, are right

// Below this a sum of squares has lost bits, or all of them, to underflow.
constexpr double kLeastSquares = 0x1p-960;
const double kLeastRoot = std::sqrt(kLeastSquares);

bool is_safe(double value, double least) { return value >= least && std::isfinite(value); }

template <class F>
void for_each_element(const Axis* axes, int rank, const double* x, F f) {
  if (rank == 0) return f(*x);
  for (int64_t i = 0; i < axes->size; ++i) for_each_element(axes + 1, rank - 1, x + i * axes->stride, f);
}

// The elements of one output, and a power of two near the largest magnitude, by which they are divided
// exactly.
struct Scaled {
  const Reduction& r;
  const double* x;
  double scale;

  // A scale of 0 where there is nothing to mend: only zeros, or an infinity or NaN.
  Scaled(const Reduction& reduction, const double* first) : r(reduction), x(first) {
    double most = 0;
    bool finite = true;
    for_each_element(r.reduced, r.reduced_rank, x, [&](double value) {
      finite &= std::isfinite(value);
      most = std::max(most, std::fabs(value));
    });
    scale = finite && most > 0 ? std::ldexp(1.0, std::ilogb(most)) : 0;
  }
  template <class F>
  double sum(F f) const {
    double total = 0;
    for_each_element(r.reduced, r.reduced_rank, x, [&](double value) { total += f(value / scale); });
    return total;
  }
  double norm() const {
    return std::sqrt(sum([](double y) { return y * y; })) * scale;
  }
  double scaled_mean() const {
    return sum([](double y) { return y; }) / static_cast<double>(r.count);
  }
  double mean() const { return scaled_mean() * scale; }
  double deviation(double divisor) const {
    const double center = scaled_mean();
    double most = 0;
    sum([&](double y) { return most = std::max(most, std::fabs(y - center)); });
    if (most == 0) return 0;
    const double squares = sum([&](double y) { return (y - center) / most * ((y - center) / most); });
    return std::sqrt(squares / divisor) * most * scale;
  }
};

// f(offset into the input, offset into the output)
template <class F>
void for_each_slice(const Axis* axes, int rank, int64_t in, int64_t out, F f) {
  if (rank == 0) return f(in, out);
  for (int64_t i = 0; i < axes->size; ++i)
    for_each_slice(axes + 1, rank - 1, in + i * axes->stride, out + i * axes->out_stride, f);
}

// Norms and means again where the plain ones were out of range.
void mend(Reduce op, const Reduction& r, const double* input, double* output) {
  const double least = op == Reduce::Norm ? kLeastRoot : -std::numeric_limits<double>::infinity();
  for_each_slice(r.kept, r.kept_rank, 0, 0, [&](int64_t in, int64_t out) {
    if (is_safe(output[out], least)) return;
    const Scaled elements(r, input + in);
    if (elements.scale > 0) output[out] = op == Reduce::Norm ? elements.norm() : elements.mean();
  });
}

void mend_moments(const Reduction& r, double divisor, bool root, const double* input, double* deviations,
                  double* means) {
  for_each_slice(r.kept, r.kept_rank, 0, 0, [&](int64_t in, int64_t out) {
    const bool spread = deviations && !is_safe(deviations[out], root ? kLeastRoot : kLeastSquares);
    const bool center = means && !std::isfinite(means[out]);
    if (!spread && !center) return;
    const Scaled elements(r, input + in);
    if (elements.scale == 0) return;
    if (spread && divisor > 0) {
      const double deviation = elements.deviation(divisor);
      deviations[out] = root ? deviation : deviation * deviation;
    }
    if (center) means[out] = elements.mean();
  });
}

const char* at(const void* p, int64_t offset, DType dtype) {
  return static_cast<const char*>(p) + offset * static_cast<int64_t>(item_size(dtype));
}
char* at(void* p, int64_t offset, DType dtype) {
  return p ? static_cast<char*>(p) + offset * static_cast<int64_t>(item_size(dtype)) : nullptr;
}

std::unique_ptr<char[]> buffer(int64_t items, DType dtype) {
  return std::make_unique_for_overwrite<char[]>(static_cast<size_t>(items) * item_size(dtype));
}

// ---- moments

template <class F>
void for_each_output(const Axis* axes, int rank, int64_t out, F f) {
  if (rank == 0) return f(out);
  for (int64_t i = 0; i < axes->size; ++i) for_each_output(axes + 1, rank - 1, out + i * axes->out_stride, f);
}

void moments(DType dtype, const Reduction& r, double divisor, bool root, const void* input, void* deviations,
             void* means) {
  const auto set = [&](void* out, int64_t offset, double value) {
    if (!out) return;
    if (dtype == DType::Float32)
      static_cast<float*>(out)[offset] = static_cast<float>(value);
    else
      static_cast<double*>(out)[offset] = value;
  };
  const MomentsKernel kernel = kernels().reduce.moments[static_cast<int>(dtype)];
  const Cut cut = choose_cut(r);
  if (cut.what == Cut::None) return kernel(r, input, deviations, means, divisor, root);
  if (cut.what == Cut::Kept)
    return over_kept(r, cut, [&](const Reduction& part, int64_t in, int64_t out) {
      kernel(part, at(input, in, dtype), at(deviations, out, dtype), at(means, out, dtype), divisor, root);
    });
  const MomentsKernel part_kernel = kernels().reduce.moments_parts[static_cast<int>(dtype)];
  struct Part {
    double count;
    std::unique_ptr<double[]> deviations, means;
  };
  Part parts[kMaxChunks];
  for (int64_t c = 0; c < cut.chunks; ++c)
    parts[c] = {0, std::make_unique_for_overwrite<double[]>(r.outputs),
                std::make_unique_for_overwrite<double[]>(r.outputs)};
  over_chunks(r, cut, [&](int64_t chunk, const Reduction& part, int64_t in, int64_t) {
    parts[chunk].count = static_cast<double>(part.count);
    part_kernel(part, at(input, in, dtype), parts[chunk].deviations.get(), parts[chunk].means.get(), 1,
                false);
  });
  int64_t index = 0;
  for_each_output(r.kept, r.kept_rank, 0, [&](int64_t out) {
    double count = 0, mean = 0, sum = 0;
    for (int64_t c = 0; c < cut.chunks; ++c) {
      const double share = parts[c].count / (count + parts[c].count), delta = parts[c].means[index] - mean;
      mean += delta * share;
      sum += parts[c].deviations[index] + delta * delta * count * share;
      count += parts[c].count;
    }
    set(deviations, out, root ? std::sqrt(sum / divisor) : sum / divisor);
    set(means, out, mean);
    ++index;
  });
}

bool all_finite(const float* x, int64_t n) {
  int good = 1;
  for (int64_t i = 0; i < n; ++i) good &= x[i] - x[i] == 0;
  return good;
}

void plain_reduce(Reduce op, DType dtype, const Reduction& r, const void* input, void* output) {
  const Cut cut = choose_cut(r);
  if (cut.what == Cut::None) return kernel_of(op, dtype)(r, input, output);
  if (cut.what == Cut::Kept) {
    const ReduceKernel kernel = kernel_of(op, dtype);
    const DType result = reduce_output(op, dtype);
    return over_kept(r, cut, [&](const Reduction& part, int64_t in, int64_t out) {
      kernel(part, at(input, in, dtype), at(output, out, result));
    });
  }
  const Steps steps = steps_of(op, dtype);
  const ReduceKernel kernel = kernel_of(steps.part, dtype);
  const auto parts = buffer(cut.chunks * r.outputs, steps.between);
  over_chunks(r, cut, [&](int64_t chunk, const Reduction& part, int64_t in, int64_t) {
    kernel(part, at(input, in, dtype), at(parts.get(), chunk * r.outputs, steps.between));
  });
  // Sums of parts may overflow where that of the whole, or the mean, does not.
  const bool sums_floats =
      steps.part == Reduce::Sum || steps.part == Reduce::SumOfAbs || steps.part == Reduce::NanSum;
  if (sums_floats && steps.between == DType::Float32 &&
      !all_finite(reinterpret_cast<const float*>(parts.get()), cut.chunks * r.outputs))
    return kernel_of(op, dtype)(r, input, output);
  Reduction last = of_chunks(r, cut);
  last.count = r.count;  // the divisor of Mean
  kernel_of(steps.last, steps.between)(last, parts.get(), output);
}

}  // namespace

void reduce(Reduce op, DType dtype, const Reduction& r, const void* input, void* output) {
  plain_reduce(op, dtype, r, input, output);
  if (dtype == DType::Float64 && (op == Reduce::Norm || op == Reduce::Mean) && r.count > 0)
    mend(op, r, static_cast<const double*>(input), static_cast<double*>(output));
}

void arg_reduce(ArgReduce op, DType dtype, const Reduction& r, const void* input, void* values,
                int64_t* indices) {
  const ArgReduceKernel kernel = kernels().reduce.arg_reduce[static_cast<int>(op)][static_cast<int>(dtype)];
  const Cut cut = choose_cut(r);
  if (cut.what == Cut::None) return kernel(r, input, values, indices);
  if (cut.what == Cut::Kept)
    return over_kept(r, cut, [&](const Reduction& part, int64_t in, int64_t out) {
      kernel(part, at(input, in, dtype), at(values, out, dtype), indices ? indices + out : nullptr);
    });
  const auto part_values = buffer(cut.chunks * r.outputs, dtype);
  const auto part_indices = std::make_unique_for_overwrite<int64_t[]>(cut.chunks * r.outputs);
  over_chunks(r, cut, [&](int64_t chunk, const Reduction& part, int64_t in, int64_t first) {
    int64_t* const mine = part_indices.get() + chunk * r.outputs;
    kernel(part, at(input, in, dtype), at(part_values.get(), chunk * r.outputs, dtype), mine);
    for (int64_t i = 0; i < r.outputs; ++i) mine[i] += first;
  });
  const auto winners = std::make_unique_for_overwrite<int64_t[]>(r.outputs);
  Reduction last = of_chunks(r, cut);
  kernel(last, part_values.get(), values, nullptr);
  if (!indices) return;
  Reduction dense = last;
  dense.kept_rank = r.outputs > 1 ? 1 : 0;
  dense.kept[0] = {r.outputs, 1, 1};
  kernel(dense, part_values.get(), nullptr, winners.get());
  int64_t index = 0;
  for_each_output(r.kept, r.kept_rank, 0, [&](int64_t out) {
    indices[out] = part_indices[winners[index] * r.outputs + index];
    ++index;
  });
}

void variance(DType dtype, const Reduction& r, double correction, bool standard_deviation, const void* input,
              void* variances, void* means) {
  const double divisor = std::max(0.0, static_cast<double>(r.count) - correction);
  if (r.outputs == 0) return;
  moments(dtype, r, divisor, standard_deviation, input, variances, means);
  if (dtype == DType::Float64 && r.count > 0)
    mend_moments(r, divisor, standard_deviation, static_cast<const double*>(input),
                 static_cast<double*>(variances), static_cast<double*>(means));
}

void scan(Scan op, DType dtype, int64_t outer, int64_t size, int64_t inner, const void* input, void* output,
          int64_t* indices) {
  const ScanKernel kernel = kernels().reduce.scan[static_cast<int>(op)][static_cast<int>(dtype)];
  const bool extreme = op == Scan::Max || op == Scan::Min;
  const DType result = extreme ? dtype : reduce_output(Reduce::Sum, dtype);
  const int64_t block = size * inner;
  if (block == 0 || outer == 0) return;
  const auto part = [&](const ScanRange& range, int64_t offset) {
    kernel(range, at(input, offset, dtype), at(output, offset, result), indices ? indices + offset : nullptr,
           nullptr);
  };
  if (outer > 1)
    return parallel_for(0, outer, (kGrain + block - 1) / block, [&](int64_t first, int64_t last) {
      part({last - first, size, inner, inner}, first * block);
    });
  if (inner > 1)
    return parallel_for(0, inner, std::max(kColumnStep, kGrain / size),
                        [&](int64_t first, int64_t last) { part({1, size, last - first, inner}, first); });
  if (extreme || size < 4 * kGrain || num_threads() == 1 || in_parallel_region())
    return part({1, size, 1, 1}, 0);
  // One long row: fold all pieces but the last, then scan each piece from what came before it.
  constexpr int64_t kPieces = 16;
  union Accumulator {
    double floating;
    uint64_t integer;
  };
  const auto combine = [&](Accumulator& a, Accumulator b) {
    if (is_floating(dtype))
      a.floating = op == Scan::Sum ? a.floating + b.floating : a.floating * b.floating;
    else
      a.integer = op == Scan::Sum ? a.integer + b.integer : a.integer * b.integer;
  };
  Accumulator identity, folds[kPieces], carries[kPieces];
  if (is_floating(dtype))
    identity.floating = op == Scan::Sum ? 0 : 1;
  else
    identity.integer = op == Scan::Sum ? 0 : 1;
  const auto scan_pieces = [&](int64_t pieces, Accumulator* carry, void* out) {
    parallel_for(0, pieces, 1, [&](int64_t first, int64_t last) {
      for (int64_t piece = first; piece < last; ++piece) {
        const int64_t begin = size * piece / kPieces, end = size * (piece + 1) / kPieces;
        kernel({1, end - begin, 1, 1}, at(input, begin, dtype), at(out, begin, result), nullptr,
               carry + piece);
      }
    });
  };
  std::fill(folds, folds + kPieces, identity);
  scan_pieces(kPieces - 1, folds, nullptr);
  carries[0] = identity;
  for (int64_t piece = 1; piece < kPieces; ++piece) {
    carries[piece] = carries[piece - 1];
    combine(carries[piece], folds[piece - 1]);
  }
  scan_pieces(kPieces, carries, output);
}

}  // namespace flambeau::cpu
