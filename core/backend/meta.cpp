// The device `meta`: shapes, strides and dtypes without memory. Every entry does nothing, and can what the
// CPU can.
#include <algorithm>
#include <cstdint>

#include "core/backend/backend.h"

namespace flambeau::backend {

namespace {

// A function of the entry's signature that does nothing.
template <class Function>
struct Nothing;
template <class R, class... A>
struct Nothing<R (*)(A...)> {
  static R run(A...) { return R(); }
};

struct Anything {
  template <class Function>
  operator Function() const {
    return &Nothing<Function>::run;
  }
};
constexpr Anything nothing;

// The same for a search: -1, nothing found.
template <class Function>
struct NoneFound;
template <class... A>
struct NoneFound<int64_t (*)(A...)> {
  static int64_t run(A...) { return -1; }
};
struct Search {
  template <class Function>
  operator Function() const {
    return &NoneFound<Function>::run;
  }
};
constexpr Search none_found;

// An address that is not null, so that offsets from it are addresses too; nobody looks there.
void* allocate(size_t bytes) {
  meta_stats.live_bytes += bytes;
  meta_stats.peak_bytes = std::max(meta_stats.peak_bytes, meta_stats.live_bytes);
  return reinterpret_cast<void*>(uintptr_t{64});
}
void deallocate(void*, size_t bytes) noexcept { meta_stats.live_bytes -= bytes; }
const DeviceMemory memory = {
    .allocate = allocate, .deallocate = deallocate, .zero = nothing, .upload = nothing};

struct Installed {
  Installed() { device_memory[static_cast<int>(Device::Type::Meta)] = &memory; }
} const installed;

// ---- entries that count what they would do
template <class... Sizes>
void count(Sizes... sizes) {
  meta_stats.multiply_adds += (static_cast<uint64_t>(sizes) * ...);
}

void matrix_product(const char*, DType, const Matrix& c, const Matrix& a, const Matrix&, const Scalar&,
                    const Scalar&, const void*, int64_t batch) {
  count(batch, c.rows, c.columns, a.columns);
}
void matrix_vector_product(const char*, DType, const Vector&, const Matrix& a, const Vector&, const Scalar&,
                           const Scalar&) {
  count(a.rows, a.columns);
}
void dot(DType, int64_t n, const Vector&, const Vector&, void*) { count(n); }

void attention(DType, const Attention& a, const HeadRows&, void*) {
  count(a.batch, a.heads, a.queries, a.keys, a.width + a.value_width);
}
// The scores again, the gradients of weights and of values, of keys and of queries.
void attention_backward(DType, const Attention& a, const AttentionGradients&) {
  count(a.batch, a.heads, a.queries, a.keys, 3 * a.width + 2 * a.value_width);
}

// Forward and both gradients visit the same pairs.
void convolution(DType, const ConvShape& s, const void*, const void*, const void*, void*) {
  count(s.batch, s.out_channels, s.output[0], s.output[1], s.output[2], s.in_channels / s.groups, s.kernel[0],
        s.kernel[1], s.kernel[2]);
}
void convolution_weight_gradient(DType dtype, const ConvShape& s, const void* input, const void* grad_output,
                                 void* grad_weight) {
  convolution(dtype, s, input, grad_output, nullptr, grad_weight);
}

// Of one direction of a layer; a projection is one more product.
void count_recurrence(const RecurrentShape& s, int64_t passes) {
  count(s.rows(), s.gates(), s.input + s.state(), passes);
  count(s.rows(), s.hidden, s.projected, passes);
}
void recurrent_layer(DType, const RecurrentShape& s, std::span<const RecurrentForward> directions, void*) {
  count_recurrence(s, static_cast<int64_t>(directions.size()));
}
// By the inputs and by the weights.
void recurrent_layer_backward(DType, const RecurrentShape& s, std::span<const RecurrentBackward> directions,
                              void*) {
  count_recurrence(s, 2 * static_cast<int64_t>(directions.size()));
}

}  // namespace

MetaStats meta_stats;

const Row meta_row = {
    .has_values = false,
    .pointwise_kernels = cpu_row.pointwise_kernels,
    .calls_kernels = false,
    .has_cast = [](DType to, DType from) { return cpu_row.has_cast(to, from); },
    .pointwise = nothing,
    .copy = nothing,
    .copy_bytes = nothing,
    .fill = nothing,
    .any_zero = nothing,
    .has_reduce = [](Reduce op, DType dtype) { return cpu_row.has_reduce(op, dtype); },
    .reduce = nothing,
    .has_arg_reduce = [](ArgReduce op, DType dtype) { return cpu_row.has_arg_reduce(op, dtype); },
    .arg_reduce = nothing,
    .variance = nothing,
    .scan = nothing,
    .log_sum_exp_scan = nothing,
    .softmax = nothing,
    .log_softmax = nothing,
    .softmax_backward = nothing,
    .log_softmax_backward = nothing,
    .logsumexp = nothing,
    .find_bad_target = none_found,
    .nll_loss = nothing,
    .nll_loss_backward = nothing,
    .cross_entropy = nothing,
    .cross_entropy_backward = nothing,
    .all_in_unit_interval = [](DType, const void*, int64_t) { return true; },
    .normalize_rows = nothing,
    .normalize_rows_backward = nothing,
    .normalize_channels = nothing,
    .normalize_channels_backward = nothing,
    .recurrent_workspace = nothing,
    .recurrent_layer = recurrent_layer,
    .recurrent_backward_workspace = nothing,
    .recurrent_layer_backward = recurrent_layer_backward,
    .attention = attention,
    .attention_backward = attention_backward,
    .find_bad_label = none_found,
    .ctc_loss = nothing,
    .ctc_loss_backward = nothing,
    .matrix_product = matrix_product,
    .matrix_vector_product = matrix_vector_product,
    .dot = dot,
    .cholesky = nothing,
    .cholesky_inverse = nothing,
    .cholesky_solve = nothing,
    .lu_factor = nothing,
    .lu_solve = nothing,
    .inverse = nothing,
    .pivots_to_permutation = nothing,
    .lu_determinant = nothing,
    .solve_triangular = nothing,
    .ldl_factor = nothing,
    .ldl_solve = nothing,
    .qr_factor = nothing,
    .qr_columns = nothing,
    .qr_multiply = nothing,
    .svd = nothing,
    .eigh = nothing,
    .eig = nothing,
    .lstsq = nothing,
    .row_distances = nothing,
    .has_convolution = [](DType dtype) { return cpu_row.has_convolution(dtype); },
    .convolution = convolution,
    .convolution_input_gradient = convolution,
    .convolution_weight_gradient = convolution_weight_gradient,
    .has_max_pool = [](DType dtype) { return cpu_row.has_max_pool(dtype); },
    .max_pool = nothing,
    .max_pool_backward = nothing,
    .max_pool_gather = nothing,
    .max_pool_windows = nothing,
    .has_mean_pool = [](DType dtype) { return cpu_row.has_mean_pool(dtype); },
    .mean_pool = nothing,
    .mean_pool_backward = nothing,
    .resample = nothing,
    .grid_sample = nothing,
    .grid_sample_backward = nothing,
    .gather_blocks = nothing,
    .scatter_blocks = nothing,
    .combine_blocks = nothing,
    .add_offsets = none_found,
    .wrap_positions = none_found,
    .gather_elements = none_found,
    .scatter_elements = none_found,
    .sum_bags = nothing,
    .max_bags = nothing,
    .spread_bags = nothing,
    .dot_bags = nothing,
    .mask_starts = nothing,
    .compress = nothing,
    .decompress = nothing,
    .true_positions = nothing,
    .true_coordinates = nothing,
    .fourier = nothing,
    .interleave_rows = nothing,
    .copy_stepped_rows = nothing,
    .add_through = nothing,
    .divide_by_counts = nothing,
    .unfold_images = nothing,
    .fold_images = nothing,
    .extend = nothing,
    .extend_backward = nothing,
    .keep_triangle = nothing,
    .can_sort = [](DType dtype) { return cpu_row.can_sort(dtype); },
    .sort_workspace = nothing,
    .sort = nothing,
    .top_k = nothing,
    .select_rank = nothing,
    .mode = nothing,
    .unique = nothing,
    .unique_rows = nothing,
    .search_sorted = nothing,
    .count_small = nothing,
    .count_values = nothing,
    .histogram = nothing,
    .sgd = nothing,
    .adam = nothing,
    .update = nothing,
};

const Row* rows[kDeviceTypes] = {&cpu_row, nullptr, &meta_row};

}  // namespace flambeau::backend
