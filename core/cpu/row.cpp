// The CPU's row of backend entry points.
#include <cstring>
#include <vector>

#include "core/backend/backend.h"
#include "core/cpu/convolution/brain_convolution.h"
#include "core/cpu/indexing/index.h"
#include "core/cpu/kernels.h"
#include "core/cpu/linalg/distances.h"
#include "core/cpu/linalg/factorizations.h"
#include "core/cpu/linalg/product.h"
#include "core/cpu/linalg/spectral.h"
#include "core/cpu/sort/search.h"
#include "core/cpu/views/moves.h"
#include "core/parallel/parallel.h"
#include "core/tensor/allocator.h"

namespace flambeau::backend {

namespace {

void copy_bytes(void* to, const void* from, size_t bytes) {
  parallel_for(0, static_cast<int64_t>(bytes), 1 << 18, [&](int64_t first, int64_t last) {
    std::memcpy(static_cast<char*>(to) + first, static_cast<const char*>(from) + first,
                static_cast<size_t>(last - first));
  });
}

void fill(void* data, const void* item, size_t item_size, int64_t n) {
  const auto kernel = cpu::kernels().pointwise.fill[cpu::item_size_slot(item_size)];
  constexpr int64_t kGrain = 1 << 17;
  if (n <= kGrain) return kernel(data, item, n);  // numbers among the operands of small calls
  parallel_for(0, n, kGrain, [&](int64_t first, int64_t last) {
    kernel(static_cast<char*>(data) + first * static_cast<int64_t>(item_size), item, last - first);
  });
}

bool any_zero(DType dtype, const void* data, int64_t n) {
  const auto kernel = cpu::kernels().pointwise.any_zero[static_cast<int>(dtype)];
  return kernel && kernel(data, n);
}

template <class F>
void with_conv_functions(DType dtype, F&& f) {
  const cpu::ConvKernels& table = cpu::kernels().conv;
  return dtype == DType::Float32 ? f(table.f32, float{}) : f(table.f64, double{});
}
// bfloat16 as float32, for convolutions in which products of matrices would be too narrow.
class Widened {
 public:
  Widened(const void* from, int64_t count) : Widened(from ? count : 0) {
    if (from) convert(DType::Float32, DType::BFloat16, memory_.data(), from);
  }
  explicit Widened(int64_t count) : count_(count) {
    check_memory_left(static_cast<size_t>(count) * sizeof(float));
    memory_.resize(static_cast<size_t>(count) + kReadableTail / sizeof(float));
  }
  float* data() { return count_ ? memory_.data() : nullptr; }
  void narrow(void* to) const { convert(DType::BFloat16, DType::Float32, to, memory_.data()); }

 private:
  void convert(DType to, DType from, void* output, const void* input) const {
    const auto cast = cpu::kernels().pointwise.cast[static_cast<int>(to)][static_cast<int>(from)];
    parallel_for(0, count_, 1 << 15, [&](int64_t first, int64_t last) {
      cast(static_cast<char*>(output) + first * static_cast<int64_t>(item_size(to)),
           static_cast<const char*>(input) + first * static_cast<int64_t>(item_size(from)), last - first);
    });
  }
  int64_t count_;
  std::vector<float> memory_;
};
bool suits_products(const ConvShape& s) {
  return s.out_channels / s.groups >= 8 && s.in_channels / s.groups * s.window() >= 8;
}
int64_t inputs(const ConvShape& s) { return s.batch * s.in_channels * s.image(); }
int64_t outputs(const ConvShape& s) { return s.batch * s.out_channels * s.positions(); }
int64_t weights(const ConvShape& s) { return s.out_channels * (s.in_channels / s.groups) * s.window(); }
const uint16_t* bits(const void* p) { return static_cast<const uint16_t*>(p); }

void brain_convolution(const ConvShape& s, const void* input, const void* weight, const void* bias,
                       void* output) {
  if (suits_products(s))
    return cpu::brain_convolution(s, bits(input), bits(weight), bits(bias), static_cast<uint16_t*>(output));
  Widened x(input, inputs(s)), w(weight, weights(s)), b(bias, s.out_channels), y(outputs(s));
  cpu::kernels().conv.f32.forward(s, x.data(), w.data(), b.data(), y.data());
  y.narrow(output);
}
void brain_input_gradient(const ConvShape& s, const void* grad_output, const void* weight, const void* bias,
                          void* grad_input) {
  if (suits_products(s))
    return cpu::brain_input_gradient(s, bits(grad_output), bits(weight), bits(bias),
                                     static_cast<uint16_t*>(grad_input));
  Widened dy(grad_output, outputs(s)), w(weight, weights(s)), b(bias, s.in_channels), dx(inputs(s));
  cpu::kernels().conv.f32.input_gradient(s, dy.data(), w.data(), b.data(), dx.data());
  dx.narrow(grad_input);
}
void brain_weight_gradient(const ConvShape& s, const void* input, const void* grad_output,
                           void* grad_weight) {
  if (suits_products(s))
    return cpu::brain_weight_gradient(s, bits(input), bits(grad_output), static_cast<uint16_t*>(grad_weight));
  Widened x(input, inputs(s)), dy(grad_output, outputs(s)), dw(weights(s));
  cpu::kernels().conv.f32.weight_gradient(s, x.data(), dy.data(), dw.data(), nullptr);
  dw.narrow(grad_weight);
}

void convolution(DType dtype, const ConvShape& shape, const void* input, const void* weight, const void* bias,
                 void* output) {
  if (dtype == DType::BFloat16) return brain_convolution(shape, input, weight, bias, output);
  if (dtype == DType::Int64)
    return cpu::integer_convolution(shape, static_cast<const int64_t*>(input),
                                    static_cast<const int64_t*>(weight), static_cast<const int64_t*>(bias),
                                    static_cast<int64_t*>(output));
  with_conv_functions(dtype, [&]<class T>(const cpu::ConvFunctions<T>& f, T) {
    f.forward(shape, static_cast<const T*>(input), static_cast<const T*>(weight), static_cast<const T*>(bias),
              static_cast<T*>(output));
  });
}
void convolution_input_gradient(DType dtype, const ConvShape& shape, const void* grad_output,
                                const void* weight, const void* bias, void* grad_input) {
  if (dtype == DType::BFloat16) return brain_input_gradient(shape, grad_output, weight, bias, grad_input);
  if (dtype == DType::Int64)
    return cpu::integer_transposed_convolution(
        shape, static_cast<const int64_t*>(grad_output), static_cast<const int64_t*>(weight),
        static_cast<const int64_t*>(bias), static_cast<int64_t*>(grad_input));
  with_conv_functions(dtype, [&]<class T>(const cpu::ConvFunctions<T>& f, T) {
    f.input_gradient(shape, static_cast<const T*>(grad_output), static_cast<const T*>(weight),
                     static_cast<const T*>(bias), static_cast<T*>(grad_input));
  });
}
void convolution_weight_gradient(DType dtype, const ConvShape& shape, const void* input,
                                 const void* grad_output, void* grad_weight) {
  if (dtype == DType::BFloat16) return brain_weight_gradient(shape, input, grad_output, grad_weight);
  with_conv_functions(dtype, [&]<class T>(const cpu::ConvFunctions<T>& f, T) {
    f.weight_gradient(shape, static_cast<const T*>(input), static_cast<const T*>(grad_output),
                      static_cast<T*>(grad_weight), nullptr);
  });
}

template <class F>
void with_pool_functions(DType dtype, F&& f) {
  const cpu::PoolKernels& table = cpu::kernels().pool;
  switch (dtype) {
    case DType::Float32:
      return f(table.f32, float{});
    case DType::Float64:
      return f(table.f64, double{});
    case DType::UInt8:
      return f(table.u8, uint8_t{});
    case DType::Int8:
      return f(table.i8, int8_t{});
    case DType::Int16:
      return f(table.i16, int16_t{});
    case DType::Int32:
      return f(table.i32, int32_t{});
    default:
      return f(table.i64, int64_t{});
  }
}
void max_pool(DType dtype, const PoolShape& shape, const void* input, void* output, void* index,
              PoolIndex kind) {
  if (shape.channels > 0) return cpu::max_pool_last(dtype, shape, input, output, index, kind);
  with_pool_functions(dtype, [&]<class T>(const cpu::PoolFunctions<T>& f, T) {
    const T* x = static_cast<const T*>(input);
    T* y = static_cast<T*>(output);
    if (kind == PoolIndex::None)
      f.forward(shape, x, y);
    else if (kind == PoolIndex::Choice)
      f.forward_with_choice(shape, x, y, static_cast<uint8_t*>(index));
    else
      f.forward_with_position(shape, x, y, static_cast<int64_t*>(index));
  });
}
void max_pool_backward(DType dtype, const PoolShape& shape, const void* grad_output, const void* index,
                       PoolIndex kind, void* grad_input) {
  if (shape.channels > 0)
    return cpu::max_pool_last_backward(dtype, shape, grad_output, index, kind, grad_input);
  with_pool_functions(dtype, [&]<class T>(const cpu::PoolFunctions<T>& f, T) {
    const T* dy = static_cast<const T*>(grad_output);
    if (kind == PoolIndex::Choice)
      f.backward_by_choice(shape, dy, static_cast<const uint8_t*>(index), static_cast<T*>(grad_input));
    else
      f.backward_by_position(shape, dy, static_cast<const int64_t*>(index), static_cast<T*>(grad_input));
  });
}
void max_pool_gather(DType dtype, const PoolShape& shape, const void* input, const void* index,
                     PoolIndex kind, void* output) {
  if (shape.channels > 0) return cpu::max_pool_last_gather(dtype, shape, input, index, kind, output);
  with_pool_functions(dtype, [&]<class T>(const cpu::PoolFunctions<T>& f, T) {
    const T* x = static_cast<const T*>(input);
    if (kind == PoolIndex::Choice)
      f.gather_by_choice(shape, x, static_cast<const uint8_t*>(index), static_cast<T*>(output));
    else
      f.gather_by_position(shape, x, static_cast<const int64_t*>(index), static_cast<T*>(output));
  });
}
void max_pool_windows(DType dtype, const PoolWindows& windows, const void* input, void* output,
                      int64_t* positions) {
  if (dtype == DType::Float32)
    cpu::max_of_windows(windows, static_cast<const float*>(input), static_cast<float*>(output), positions);
  else
    cpu::max_of_windows(windows, static_cast<const double*>(input), static_cast<double*>(output), positions);
}
void mean_pool(DType dtype, const PoolWindows& windows, const void* input, void* output) {
  if (windows.channels > 0) return cpu::mean_pool_last(dtype, windows, input, output);
  const cpu::MeanPoolKernels& table = cpu::kernels().mean_pool;
  if (dtype == DType::Float32)
    table.f32.forward(windows, static_cast<const float*>(input), static_cast<float*>(output));
  else if (dtype == DType::Float64)
    table.f64.forward(windows, static_cast<const double*>(input), static_cast<double*>(output));
  else
    cpu::mean_of_windows(windows, static_cast<const int64_t*>(input), static_cast<int64_t*>(output));
}
void mean_pool_backward(DType dtype, const PoolWindows& windows, const void* grad_output, void* grad_input) {
  if (windows.channels > 0) return cpu::mean_pool_last_backward(dtype, windows, grad_output, grad_input);
  const cpu::MeanPoolKernels& table = cpu::kernels().mean_pool;
  if (dtype == DType::Float32)
    table.f32.backward(windows, static_cast<const float*>(grad_output), static_cast<float*>(grad_input));
  else
    table.f64.backward(windows, static_cast<const double*>(grad_output), static_cast<double*>(grad_input));
}
void resample(DType dtype, const Resampling& resampling, const void* input, void* output) {
  if (dtype == DType::Float32)
    cpu::kernels().resample.f32(resampling, static_cast<const float*>(input), static_cast<float*>(output));
  else if (dtype == DType::Float64)
    cpu::kernels().resample.f64(resampling, static_cast<const double*>(input), static_cast<double*>(output));
  else
    cpu::resample_bytes(resampling, static_cast<const uint8_t*>(input), static_cast<uint8_t*>(output));
}
template <class F>
void with_grid_functions(DType dtype, F&& f) {
  const cpu::GridKernels& table = cpu::kernels().resample.grid;
  return dtype == DType::Float32 ? f(table.f32, float{}) : f(table.f64, double{});
}
void grid_sample(DType dtype, const GridSampling& sampling, const void* input, const void* grid,
                 void* output) {
  with_grid_functions(dtype, [&]<class T>(const cpu::GridFunctions<T>& f, T) {
    f.forward(sampling, static_cast<const T*>(input), static_cast<const T*>(grid), static_cast<T*>(output));
  });
}
void grid_sample_backward(DType dtype, const GridSampling& sampling, const void* grad_output,
                          const void* input, const void* grid, void* grad_input, void* grad_grid) {
  with_grid_functions(dtype, [&]<class T>(const cpu::GridFunctions<T>& f, T) {
    f.backward(sampling, static_cast<const T*>(grad_output), static_cast<const T*>(input),
               static_cast<const T*>(grid), static_cast<T*>(grad_input), static_cast<T*>(grad_grid));
  });
}

}  // namespace

constinit const Row cpu_row = {
    .has_values = true,
    .pointwise_kernels = cpu::chosen_kernels.pointwise,
    .calls_kernels = true,
    .has_cast =
        [](DType to, DType from) {
          return cpu::kernels().pointwise.cast[static_cast<int>(to)][static_cast<int>(from)] != nullptr;
        },
    .pointwise = cpu::run_pointwise,
    .copy = cpu::run_copy,
    .copy_bytes = copy_bytes,
    .fill = fill,
    .any_zero = any_zero,
    .has_reduce =
        [](Reduce op, DType dtype) {
          return cpu::kernels().reduce.reduce[static_cast<int>(op)][static_cast<int>(dtype)] != nullptr;
        },
    .reduce = cpu::reduce,
    .has_arg_reduce =
        [](ArgReduce op, DType dtype) {
          return cpu::kernels().reduce.arg_reduce[static_cast<int>(op)][static_cast<int>(dtype)] != nullptr;
        },
    .arg_reduce = cpu::arg_reduce,
    .variance = cpu::variance,
    .scan = cpu::scan,
    .log_sum_exp_scan = cpu::log_sum_exp_scan,
    .softmax = cpu::softmax,
    .log_softmax = cpu::log_softmax,
    .softmax_backward = cpu::softmax_backward,
    .log_softmax_backward = cpu::log_softmax_backward,
    .logsumexp = cpu::logsumexp,
    .find_bad_target = cpu::find_bad_target,
    .nll_loss = cpu::nll_loss,
    .nll_loss_backward = cpu::nll_loss_backward,
    .cross_entropy = cpu::cross_entropy,
    .cross_entropy_backward = cpu::cross_entropy_backward,
    .all_in_unit_interval = cpu::all_in_unit_interval,
    .normalize_rows = cpu::normalize_rows,
    .normalize_rows_backward = cpu::normalize_rows_backward,
    .normalize_channels = cpu::normalize_channels,
    .normalize_channels_backward = cpu::normalize_channels_backward,
    .recurrent_workspace = cpu::recurrent_workspace,
    .recurrent_layer = cpu::recurrent_layer,
    .recurrent_backward_workspace = cpu::recurrent_backward_workspace,
    .recurrent_layer_backward = cpu::recurrent_layer_backward,
    .attention = cpu::attention,
    .attention_backward = cpu::attention_backward,
    .find_bad_label = cpu::find_bad_label,
    .ctc_loss = cpu::ctc_loss,
    .ctc_loss_backward = cpu::ctc_loss_backward,
    .matrix_product = cpu::product,
    .matrix_vector_product = cpu::product,
    .dot = cpu::dot,
    .cholesky = cpu::cholesky,
    .cholesky_inverse = cpu::cholesky_inverse,
    .cholesky_solve = cpu::cholesky_solve,
    .lu_factor = cpu::lu_factor,
    .lu_solve = cpu::lu_solve,
    .inverse = cpu::inverse,
    .pivots_to_permutation = cpu::pivots_to_permutation,
    .lu_determinant = cpu::lu_determinant,
    .solve_triangular = cpu::solve_triangular,
    .ldl_factor = cpu::ldl_factor,
    .ldl_solve = cpu::ldl_solve,
    .qr_factor = cpu::qr_factor,
    .qr_columns = cpu::qr_columns,
    .qr_multiply = cpu::qr_multiply,
    .svd = cpu::svd,
    .eigh = cpu::eigh,
    .eig = cpu::eig,
    .lstsq = cpu::lstsq,
    .row_distances = cpu::row_distances,
    .has_convolution =
        [](DType dtype) {
          return dtype == DType::Float32 || dtype == DType::Float64 || dtype == DType::Int64 ||
                 (dtype == DType::BFloat16 && cpu::has_brain_convolution());
        },
    .convolution = convolution,
    .convolution_input_gradient = convolution_input_gradient,
    .convolution_weight_gradient = convolution_weight_gradient,
    .has_max_pool =
        [](DType dtype) { return dtype != DType::Bool && !is_complex(dtype) && is_supported(dtype); },
    .max_pool = max_pool,
    .max_pool_backward = max_pool_backward,
    .max_pool_gather = max_pool_gather,
    .max_pool_windows = max_pool_windows,
    .has_mean_pool =
        [](DType dtype) {
          return dtype == DType::Float32 || dtype == DType::Float64 || dtype == DType::Int64;
        },
    .mean_pool = mean_pool,
    .mean_pool_backward = mean_pool_backward,
    .resample = resample,
    .grid_sample = grid_sample,
    .grid_sample_backward = grid_sample_backward,
    .gather_blocks = cpu::gather_blocks,
    .scatter_blocks = cpu::scatter_blocks,
    .combine_blocks = cpu::combine_blocks,
    .add_offsets = cpu::add_offsets,
    .wrap_positions = cpu::wrap_positions,
    .gather_elements = cpu::gather_elements,
    .scatter_elements = cpu::scatter_elements,
    .sum_bags =
        [](DType dtype, const RowBags& bags, const void* table, const void* factors, void* sums) {
          cpu::kernels().mask.bags.sum[dtype == DType::Float64](bags, table, factors, sums);
        },
    .max_bags =
        [](DType dtype, const RowBags& bags, const void* table, void* maxima, int64_t* chosen) {
          cpu::kernels().mask.bags.max[dtype == DType::Float64](bags, table, maxima, chosen);
        },
    .spread_bags =
        [](DType dtype, const RowBags& bags, const void* grad_sums, const void* factors, void* grad_table) {
          cpu::kernels().mask.bags.spread[dtype == DType::Float64](bags, grad_sums, factors, grad_table);
        },
    .dot_bags =
        [](DType dtype, const RowBags& bags, const void* grad_sums, const void* table, void* dots) {
          cpu::kernels().mask.bags.dot[dtype == DType::Float64](bags, grad_sums, table, dots);
        },
    .mask_starts = cpu::mask_starts,
    .compress = cpu::compress,
    .decompress = cpu::decompress,
    .true_positions = cpu::true_positions,
    .true_coordinates = cpu::true_coordinates,
    .fourier = cpu::fourier,
    .interleave_rows = cpu::interleave_rows,
    .copy_stepped_rows = cpu::copy_stepped_rows,
    .add_through = cpu::add_through,
    .divide_by_counts = cpu::divide_by_counts,
    .unfold_images = cpu::unfold_images,
    .fold_images = cpu::fold_images,
    .extend = cpu::extend,
    .extend_backward = cpu::extend_backward,
    .keep_triangle = cpu::keep_triangle,
    .can_sort = [](DType dtype) { return cpu::kernels().sort.keys[static_cast<int>(dtype)] != nullptr; },
    .sort_workspace = cpu::sort_workspace,
    .sort = cpu::sort,
    .top_k = cpu::top_k,
    .select_rank = cpu::select_rank,
    .mode = cpu::mode,
    .unique = cpu::unique,
    .unique_rows = cpu::unique_rows,
    .search_sorted = cpu::search_sorted,
    .count_small = cpu::count_small,
    .count_values = cpu::count_values,
    .histogram = cpu::histogram,
    .sgd = cpu::sgd_step,
    .adam = cpu::adam_step,
    .update = cpu::update_step,
};

}  // namespace flambeau::backend
