#include "core/ops/pointwise/pointwise.h"

#include <algorithm>
#include <cstring>

#include "core/backend/backend.h"
#include "core/ops/creation/creation.h"
#include "core/tensor/gil.h"
#include "core/tensor/layout.h"

namespace flambeau {

namespace {

using backend::kMaxOperands;
using Operands = backend::PointwiseCall;

// The kernel, as PyTorch's refusals of a dtype name it; `numbers`: the operands beside the first are numbers.
const char* kernel_name(Pointwise op, bool numbers) {
  switch (op) {
    case Pointwise::Add:
    case Pointwise::Sub:
    case Pointwise::AddScaled:
      return "add_stub";
    case Pointwise::Mul:
    case Pointwise::MulOrZero:
      return "mul_cpu";
    case Pointwise::Div:
      return "div_cpu";
    case Pointwise::FloorDiv:
      return "div_floor_cpu";
    case Pointwise::TruncDiv:
      return "div_trunc_cpu";
    case Pointwise::Remainder:
      return "remainder_cpu";
    case Pointwise::Fmod:
      return "fmod_cpu";
    case Pointwise::Pow:
    case Pointwise::Square:
    case Pointwise::Cube:
      return "pow";
    case Pointwise::Neg:
      return "neg_cpu";
    case Pointwise::Abs:
      return "abs_cpu";
    case Pointwise::Sign:
      return "sign_cpu";
    case Pointwise::Sqrt:
      return "sqrt_vml_cpu";
    case Pointwise::Rsqrt:
      return "rsqrt_cpu";
    case Pointwise::Reciprocal:
      return "reciprocal_cpu";
    case Pointwise::Exp:
      return "exp_vml_cpu";
    case Pointwise::Exp2:
      return "exp2";
    case Pointwise::Expm1:
      return "expm1_vml_cpu";
    case Pointwise::Log:
      return "log_vml_cpu";
    case Pointwise::Log2:
      return "log2_vml_cpu";
    case Pointwise::Log10:
      return "log10_vml_cpu";
    case Pointwise::Log1p:
      return "log1p_vml_cpu";
    case Pointwise::Sin:
      return "sin_vml_cpu";
    case Pointwise::Cos:
      return "cos_vml_cpu";
    case Pointwise::Tan:
      return "tan_vml_cpu";
    case Pointwise::Asin:
      return "asin_vml_cpu";
    case Pointwise::Acos:
      return "acos_vml_cpu";
    case Pointwise::Atan:
      return "atan_vml_cpu";
    case Pointwise::Sinh:
      return "sinh_cpu";
    case Pointwise::Cosh:
      return "cosh_cpu";
    case Pointwise::Tanh:
      return "tanh_vml_cpu";
    case Pointwise::Asinh:
      return "asinh_cpu";
    case Pointwise::Acosh:
      return "acosh_cpu";
    case Pointwise::Atanh:
      return "atanh_cpu";
    case Pointwise::Sigmoid:
      return "sigmoid_cpu";
    case Pointwise::LogSigmoid:
    case Pointwise::BceWithLogits:
      return "log_sigmoid_cpu";
    case Pointwise::Erf:
      return "erf_vml_cpu";
    case Pointwise::Erfc:
      return "erfc_vml_cpu";
    case Pointwise::Floor:
      return "floor_vml_cpu";
    case Pointwise::Ceil:
      return "ceil_vml_cpu";
    case Pointwise::Round:
      return "round_vml_cpu";
    case Pointwise::Trunc:
      return "trunc_vml_cpu";
    case Pointwise::Frac:
      return "frac_cpu";
    case Pointwise::Maximum:
    case Pointwise::Fmax:
      return "maximum_cpu";
    case Pointwise::Minimum:
    case Pointwise::Fmin:
      return "minimum_cpu";
    case Pointwise::Clamp:
    case Pointwise::ClampBackward:
    case Pointwise::HardtanhBackward:
      return numbers ? "clamp_scalar_cpu" : "clamp_cpu";
    case Pointwise::ClampMin:
    case Pointwise::Relu:
      return numbers ? "clamp_min_scalar_cpu" : "maximum_cpu";
    case Pointwise::ClampMax:
      return numbers ? "clamp_max_scalar_cpu" : "minimum_cpu";
    case Pointwise::Eq:
      return "eq_cpu";
    case Pointwise::Ne:
      return "ne_cpu";
    case Pointwise::Lt:
      return "lt_cpu";
    case Pointwise::Le:
      return "le_cpu";
    case Pointwise::Gt:
      return "gt_cpu";
    case Pointwise::Ge:
      return "ge_cpu";
    case Pointwise::LogicalAnd:
      return "logical_and_cpu";
    case Pointwise::LogicalOr:
      return "logical_or_cpu";
    case Pointwise::LogicalXor:
      return "logical_xor_cpu";
    case Pointwise::LogicalNot:
      return "logical_not_cpu";
    case Pointwise::IsNan:
      return "isnan";
    case Pointwise::IsInf:
      return "isinf";
    case Pointwise::IsFinite:
      return "isfinite";
    case Pointwise::SignBit:
      return "signbit_cpu";
    case Pointwise::BitwiseAnd:
      return "bitwise_and_cpu";
    case Pointwise::BitwiseOr:
      return "bitwise_or_cpu";
    case Pointwise::BitwiseXor:
      return "bitwise_xor_cpu";
    case Pointwise::ShiftLeft:
      return "lshift_cpu";
    case Pointwise::ShiftRight:
      return "rshift_cpu";
    case Pointwise::BitwiseNot:
      return "bitwise_not_cpu";
    case Pointwise::Conj:
      return "conj_cpu";
    case Pointwise::Angle:
      return "angle_cpu";
    case Pointwise::Where:
      return "where_cpu";
    case Pointwise::Atan2:
      return "atan2_cpu";
    case Pointwise::Hypot:
      return "hypot_cpu";
    case Pointwise::Copysign:
      return "copysign_cpu";
    case Pointwise::LogAddExp:
      return "logaddexp_cpu";
    case Pointwise::Xlogy:
      return "xlogy_cpu";
    case Pointwise::Lerp:
      return "lerp_kernel_tensor";
    case Pointwise::AddCMul:
      return "addcmul_cpu_out";
    case Pointwise::AddCDiv:
      return "addcdiv_cpu_out";
    case Pointwise::SquaredDifference:
      return "mse_cpu";
    case Pointwise::Threshold:
    case Pointwise::ThresholdBackward:
    case Pointwise::ReluBackward:
      return "threshold_cpu";
    case Pointwise::LeakyRelu:
      return "leaky_relu_cpu";
    case Pointwise::LeakyReluBackward:
      return "leaky_relu_backward_cpu";
    case Pointwise::Elu:
      return "elu_cpu";
    case Pointwise::EluBackward:
      return "elu_backward_cpu";
    case Pointwise::Softplus:
      return "softplus_cpu";
    case Pointwise::SoftplusBackward:
      return "softplus_backward_cpu";
    case Pointwise::SigmoidBackward:
    case Pointwise::BceWithLogitsBackward:
      return "sigmoid_backward_cpu";
    case Pointwise::TanhBackward:
      return "tanh_backward_cpu";
    case Pointwise::LogSigmoidBackward:
      return "log_sigmoid_backward_cpu";
    case Pointwise::Silu:
      return "silu_cpu";
    case Pointwise::SiluBackward:
      return "silu_backward_cpu";
    case Pointwise::Mish:
      return "mish_cpu";
    case Pointwise::MishBackward:
      return "mish_backward_cpu";
    case Pointwise::Gelu:
    case Pointwise::GeluTanh:
      return "GeluKernelImpl";
    case Pointwise::GeluBackward:
    case Pointwise::GeluTanhBackward:
      return "GeluBackwardKernelImpl";
    case Pointwise::Hardsigmoid:
      return "hardsigmoid_cpu";
    case Pointwise::HardsigmoidBackward:
      return "hardsigmoid_backward";
    case Pointwise::Hardswish:
      return "hardswish_cpu";
    case Pointwise::HardswishBackward:
      return "hardswish_backward_cpu";
    case Pointwise::Bce:
      return "binary_cross_entropy";
    case Pointwise::BceBackward:
      return "binary_cross_entropy_backward";
    case Pointwise::SmoothL1:
      return "smooth_l1_cpu";
    case Pointwise::SmoothL1Backward:
      return "smooth_l1_backward_cpu_out";
    case Pointwise::Huber:
      return "huber_cpu";
    case Pointwise::HuberBackward:
      return "huber_backward_cpu_out";
    case Pointwise::Lgamma:
      return "lgamma_vml_cpu";
    case Pointwise::Digamma:
      return "digamma";
    case Pointwise::Trigamma:
      return "trigamma";
    case Pointwise::Polygamma:
      return "polygamma";
    case Pointwise::Zeta:
      return "zeta_cpu";
    case Pointwise::Igamma:
      return "igamma_cpu";
    case Pointwise::Igammac:
      return "igammac_cpu";
    case Pointwise::Erfinv:
      return "erfinv_vml_cpu";
    case Pointwise::Erfcx:
      return "erfcx_cpu";
    case Pointwise::Ndtri:
      return "ndtri_cpu";
    case Pointwise::LogNdtr:
      return "log_ndtr_cpu";
    case Pointwise::I0:
      return "i0_vml_cpu";
    case Pointwise::I0e:
      return "i0e_cpu";
    case Pointwise::I1:
      return "i1_cpu";
    case Pointwise::I1e:
      return "i1e_cpu";
    case Pointwise::K0:
      return "modified_bessel_k0_cpu";
    case Pointwise::K0e:
      return "scaled_modified_bessel_k0_cpu";
    case Pointwise::K1:
      return "modified_bessel_k1_cpu";
    case Pointwise::K1e:
      return "scaled_modified_bessel_k1_cpu";
    case Pointwise::J0:
      return "bessel_j0_cpu";
    case Pointwise::J1:
      return "bessel_j1_cpu";
    case Pointwise::Y0:
      return "bessel_y0_cpu";
    case Pointwise::Y1:
      return "bessel_y1_cpu";
    case Pointwise::SphericalJ0:
      return "spherical_bessel_j0_cpu";
    case Pointwise::AiryAi:
      return "airy_ai_cpu";
    case Pointwise::kCount:
      break;
  }
  __builtin_unreachable();
}

void add_tensor(Operands& o, const Tensor& t, DType wanted, const Dims& sizes) {
  int k = o.count++;
  if (t.dtype() != wanted) {  // operand 0 is the result
    const DType from = k ? t.dtype() : wanted, to = k ? wanted : t.dtype();
    if (!backend::current().has_cast(to, from)) [[unlikely]]
      fail<NotImplementedError>("converting torch.", name(from), " to torch.", name(to),
                                " is not implemented yet");
  }
  o.data[k] = t->data;
  o.on_host[k] = host_readable(t.device());
  o.stored[k] = t.dtype();
  o.wanted[k] = wanted;
  auto size = static_cast<int64_t>(item_size(t.dtype()));
  int missing = sizes.count - t.dim();
  for (int d = 0; d < sizes.count; ++d)
    o.strides[k][d] =
        d < missing || t.sizes()[d - missing] == 1 ? 0 : wrapping_mul(t.strides()[d - missing], size);
}

// What a kernel writes must not be what it still has to read, unless it is the very same element.
Tensor without_overlap(const Tensor& input, const Tensor& target) {
  if (!shares_storage(input, target) || input.numel() == 0 || target.numel() == 0) return input;
  if (input->data == target->data && input.sizes() == target.sizes() && input.strides() == target.strides() &&
      input.dtype() == target.dtype())
    return input;
  auto extent = [](const Tensor& t) {
    int64_t last = 0;
    for (int d = 0; d < t.dim(); ++d) last += (t.sizes()[d] - 1) * t.strides()[d];
    return (last + 1) * static_cast<int64_t>(item_size(t.dtype()));
  };
  if (input->data >= target->data + extent(target) || target->data >= input->data + extent(input))
    return input;
  if (is_dense(input.sizes(), input.strides()) && is_dense(target.sizes(), target.strides()))
    fail<RuntimeError>(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
        "single "
        "memory location. Please clone() the tensor before performing the operation.");
  return contiguous_copy(input);
}

// What PyTorch can do with uint16, uint32 and uint64: operators whose results modulo 2^64 do not depend on
// the sign, so that they are computed in int64, and questions that no integer answers with yes.
bool is_predicate_of_floats(Pointwise op) { return op >= Pointwise::IsNan && op <= Pointwise::SignBit; }
bool works_on_wide_unsigned(Pointwise op) {
  switch (op) {
    case Pointwise::Mul:
    case Pointwise::Floor:
    case Pointwise::Ceil:
    case Pointwise::Round:
    case Pointwise::Trunc:
    case Pointwise::Eq:
    case Pointwise::Ne:
    case Pointwise::BitwiseAnd:
    case Pointwise::BitwiseOr:
    case Pointwise::BitwiseXor:
    case Pointwise::Where:
      return true;
    default:
      return is_predicate_of_floats(op);
  }
}

// Functions that PyTorch has in single and double precision only.
bool refuses_halves(Pointwise op) {
  switch (op) {
    case Pointwise::Zeta:
    case Pointwise::Erfcx:
    case Pointwise::Ndtri:
    case Pointwise::LogNdtr:
    case Pointwise::K0:
    case Pointwise::K0e:
    case Pointwise::K1:
    case Pointwise::K1e:
    case Pointwise::J0:
    case Pointwise::J1:
    case Pointwise::Y0:
    case Pointwise::Y1:
    case Pointwise::SphericalJ0:
    case Pointwise::AiryAi:
      return true;
    default:
      return false;
  }
}

// May change both: `promoted` where integers become floating, `compute` where the kernel works in another
// type.
void choose_dtype(Pointwise op, std::initializer_list<Operand> inputs, DType& promoted, DType& compute) {
  const auto& has = backend::current().pointwise_kernels;
  compute = promoted;
  if (has(op, promoted)) return;
  if (is_half(promoted) && !refuses_halves(op)) {
    compute = DType::Float32;
    if (has(op, compute)) return;
  }
  if (is_wide_unsigned(promoted) && works_on_wide_unsigned(op)) {
    compute = is_predicate_of_floats(op) ? DType::Float64 : DType::Int64;
    return;
  }
  const bool floating_only = !has(op, DType::Int64) && !has(op, DType::Bool);
  if (is_integral(promoted) && floating_only && has(op, default_dtype())) {
    compute = promoted = default_dtype();
    return;
  }
  const bool numbers =
      std::all_of(inputs.begin() + 1, inputs.end(), [](const Operand& o) { return !o.is_tensor(); });
  fail<NotImplementedError>("\"", kernel_name(op, numbers), "\" not implemented for '",
                            scalar_type_name(promoted), "'",
                            is_complex(promoted) ? "" : "; convert the tensor, for example with .float()");
}

// The strides of a fresh result whose operands do not all lie in one order: dense, its axes ordered as in the
// first operand that tells two axes apart, which a broadcast one does not. A product with a number for each
// channel keeps the channels last.
Dims result_strides(const Dims& sizes, std::initializer_list<Operand> inputs) {
  // Above 0: axis `a` must lie outside of `b`; 0: no operand minds.
  const auto compare = [&](int a, int b) {
    for (const Operand& input : inputs) {
      const TensorImpl* t = input.impl();
      if (!t) continue;
      const int missing = sizes.count - t->sizes.count;
      const auto stride = [&](int d) {
        if (d < missing || t->sizes[d - missing] != sizes[d]) return int64_t{0};
        return t->strides[d - missing];
      };
      if (const int side = compare_axes(sizes, stride(a), stride(b), a, b)) return side;
    }
    return 0;
  };
  return ordered_strides(sizes, compare);
}

// Operands that PyTorch refuses where the result's dtype cannot hold them; other numbers wrap around.
bool must_fit(Pointwise op, int place) {
  switch (op) {
    case Pointwise::Clamp:
    case Pointwise::ClampMin:
    case Pointwise::ClampMax:
    case Pointwise::Threshold:
    case Pointwise::AddCMul:
    case Pointwise::AddCDiv:
      return true;
    case Pointwise::AddScaled:
      return place == 2;  // alpha
    default:
      return false;
  }
}

// A number as the kernel takes it. What these operators give modulo 2^64 does not depend on the sign, so that
// integers of 2^63 and more wrap around, as the sums do.
void store_number(const Scalar& number, Pointwise op, int place, DType result, DType compute, void* item) {
  if (must_fit(op, place)) check_fits(number, result);
  if (number.is_beyond_int() && compute == DType::Int64) [[unlikely]] {
    const bool wraps = result == DType::UInt64 || op == Pointwise::Add || op == Pointwise::Sub ||
                       op == Pointwise::AddScaled || op == Pointwise::Mul || op == Pointwise::BitwiseAnd ||
                       op == Pointwise::BitwiseOr || op == Pointwise::BitwiseXor || op == Pointwise::Eq ||
                       op == Pointwise::Ne;
    if (wraps) return Scalar(number.to_int()).store(item, compute);
  }
  number.store(item, compute);
}

// Most calls are small: contiguous tensors of one shape and of the dtype in which is computed, and perhaps
// numbers. They go straight to the kernel.
constexpr int64_t kSmallCall = 1024;

// The numbers among the inputs as arrays of `n` items, beside the arrays of the tensors.
[[gnu::noinline]] void call_with_numbers(const backend::Row& row, backend::PointwiseKernel kernel,
                                         Pointwise op, DType compute, void* out,
                                         std::initializer_list<Operand> inputs, int64_t n) {
  const void* in[kMaxOperands];
  alignas(64) char numbers[kMaxOperands][kSmallCall * 16];
  int k = 0;
  for (const Operand& input : inputs) {
    if (const TensorImpl* t = input.impl()) {
      in[k++] = t->data;
      continue;
    }
    alignas(16) char number[16];
    store_number(input.scalar(), op, k, compute, compute, number);
    row.fill(numbers[k], number, item_size(compute), n);
    in[k] = numbers[k];
    ++k;
  }
  kernel(out, in, n);
}

// The result; undefined where the call is another.
Tensor try_small(const Out& out, Pointwise op, DType compute, std::initializer_list<Operand> inputs) {
  const backend::Row& row = backend::current();
  const backend::PointwiseKernel kernel = row.pointwise_kernels(op, compute);
  if (!kernel || !row.calls_kernels) return {};
  const TensorImpl* first = nullptr;
  const void* in[kMaxOperands];
  int k = 0;
  bool numbers = false;
  for (const Operand& input : inputs) {
    const TensorImpl* t = input.impl();
    if (!t) {
      numbers = true;
      continue;
    }
    const DType wanted = op == Pointwise::Where && &input == inputs.begin() ? DType::Bool : compute;
    if (t->dtype != wanted || !t->contiguous) return {};
    if (!first) {
      if (t->numel > kSmallCall) return {};
      first = t;
    } else if (!(t->sizes == first->sizes)) {
      return {};
    }
    in[k++] = t->data;
  }
  if (!first) return {};
  const DType dtype = backend::kernel_result(op, compute);
  Tensor result;
  if (out.target) {
    if (!out.inplace || !out.target->contiguous || out.target->dtype != dtype ||
        !(out.target->sizes == first->sizes))
      return {};
    for (const Operand& input : inputs)
      if (const TensorImpl* t = input.impl();
          t && t->storage == out.target->storage && t->data != out.target->data)
        return {};
    result = Tensor(out.target);
  } else {
    result = empty(first->sizes, dtype);
  }
  if (numbers)
    call_with_numbers(row, kernel, op, compute, result->data, inputs, first->numel);
  else
    kernel(result->data, in, first->numel);
  if (out.target) result->bump_version();
  return result;
}

Tensor compute_into(const Out& out, Pointwise op, DType compute, DType promoted,
                    std::initializer_list<Operand> inputs) {
  const DType kernel_dtype = backend::kernel_result(op, compute);  // what the kernel writes
  const DType result_dtype = backend::kernel_result(op, promoted);
  Dims sizes;
  const TensorImpl* layout = nullptr;  // every tensor has its shape and strides
  bool same_layout = true, all_contiguous = true;
  for (const Operand& input : inputs) {
    const TensorImpl* t = input.impl();
    if (!t) continue;
    all_contiguous &= t->contiguous;
    if (!layout) {
      layout = t;
      sizes = t->sizes;
    } else if (!(t->sizes == sizes) || !(t->strides == layout->strides)) {
      same_layout = false;
      if (!(t->sizes == sizes)) sizes = broadcast_sizes(sizes, t->sizes);
    }
  }
  Tensor result;
  if (!out.target && same_layout && layout && !layout->contiguous && is_dense(layout->sizes, layout->strides))
    result = empty_strided(layout->sizes, layout->strides, result_dtype);
  else if (!out.target && !all_contiguous)
    result = empty_strided(sizes, result_strides(sizes, inputs), result_dtype);
  else {
    if (out.inplace)  // a refused call is no write: before the version counts one
      for (const Operand& input : inputs)
        if (input.is_tensor()) without_overlap(input.tensor(), Tensor(out.target));
    result = result_for(out, sizes, result_dtype);
  }

  Operands o;
  o.dims = sizes.count;
  for (int d = 0; d < sizes.count; ++d) o.sizes[d] = sizes[d];
  o.numel = result.numel();
  add_tensor(o, result, kernel_dtype, sizes);
  Tensor holders[kMaxOperands];
  alignas(16) char numbers[kMaxOperands][16];
  int k = 0;
  for (const Operand& input : inputs) {
    const DType wanted = op == Pointwise::Where && k == 0 ? DType::Bool : compute;
    if (input.is_tensor()) {
      holders[k] = out.target ? without_overlap(input.tensor(), result) : input.tensor();
      add_tensor(o, holders[k], wanted, sizes);
    } else {
      store_number(input.scalar(), op, k, result.dtype(), wanted, numbers[k]);
      int slot = o.count++;
      o.data[slot] = numbers[k];
      o.on_host[slot] = true;
      o.stored[slot] = o.wanted[slot] = wanted;
      for (int d = 0; d < sizes.count; ++d) o.strides[slot][d] = 0;
    }
    ++k;
  }
  if (o.numel == 0) return result;
  const WithoutGil guard(o.numel);
  backend::current().pointwise(op, compute, o);
  return result;
}

}  // namespace

DType result_type(std::initializer_list<Operand> operands) {
  // One candidate per group: tensors with dimensions, 0-d tensors, numbers.
  bool have[3] = {false, false, false};
  DType type[3] = {DType::Bool, DType::Bool, DType::Bool};
  for (const Operand& operand : operands) {
    int group;
    DType d;
    if (const TensorImpl* t = operand.impl()) {
      group = t->wrapped_number ? 2 : t->sizes.count ? 0 : 1;
      d = t->dtype;
      if (group == 2) d = is_floating(d) ? default_dtype() : is_complex(d) ? default_complex() : d;
    } else {
      group = 2;
      d = promote_scalar(DType::Bool, operand.scalar().kind());
    }
    type[group] = have[group] ? promote(type[group], d) : d;
    have[group] = true;
  }
  auto category = [](DType d) { return d == DType::Bool ? 0 : is_integral(d) ? 1 : is_floating(d) ? 2 : 3; };
  bool any = false;
  DType result = DType::Bool;
  for (int g = 0; g < 3; ++g) {
    if (!have[g]) continue;
    if (!any)
      result = type[g];
    else if (category(type[g]) > category(result))  // a real result keeps its precision as it turns complex
      result = is_floating(result) ? complex_of(result) : promote(result, type[g]);
    any = true;
  }
  return result;
}

Tensor pointwise(const Out& out, Pointwise op, std::initializer_list<Operand> inputs) {
  // The common case without the rules: tensors of one dtype, and numbers of no higher kind.
  DType compute = DType::Bool;
  const TensorImpl* first = nullptr;
  bool agree = op != Pointwise::Where;
  for (const Operand& input : inputs) {
    if (const TensorImpl* t = input.impl()) {
      if (first && t->dtype != compute) agree = false;
      first = t;
      compute = t->dtype;
    }
  }
  if (first && agree)
    for (const Operand& input : inputs)
      if (!input.is_tensor() && promote_scalar(compute, input.scalar().kind()) != compute) agree = false;
  if (!first || !agree) {
    if (op == Pointwise::Where)
      compute = result_type({inputs.begin()[1], inputs.begin()[2]});
    else
      switch (inputs.size()) {
        case 1:
          compute = result_type({inputs.begin()[0]});
          break;
        case 2:
          compute = result_type({inputs.begin()[0], inputs.begin()[1]});
          break;
        case 3:
          compute = result_type({inputs.begin()[0], inputs.begin()[1], inputs.begin()[2]});
          break;
        case 4:
          compute = result_type({inputs.begin()[0], inputs.begin()[1], inputs.begin()[2], inputs.begin()[3]});
          break;
        default:
          fail<RuntimeError>("a pointwise operator takes one to four inputs");
      }
  }
  return pointwise_as(out, op, compute, inputs);
}

Tensor pointwise_as(const Out& out, Pointwise op, DType promoted, std::initializer_list<Operand> inputs) {
  if (Tensor result = try_small(out, op, promoted, inputs)) return result;
  DType compute;
  choose_dtype(op, inputs, promoted, compute);
  return compute_into(out, op, compute, promoted, inputs);
}

// ---- copies

void copy_into(const Tensor& target, const Operand& source) {
  if (target.numel() == 0 && !source.is_tensor()) return;
  const DType d = target.dtype();
  if (!source.is_tensor()) {
    fill_raw(target, source.scalar());
    return;
  }
  Tensor from = source.tensor();
  if (from->data == target->data && from.strides() == target.strides() && from.sizes() == target.sizes() &&
      from.dtype() == d)
    return;
  if (from.device() != target.device()) [[unlikely]] {
    if (from.device() == Device::Type::Meta)
      fail<NotImplementedError>("Cannot copy out of meta tensor; no data!");
    if (target.device() == Device::Type::Meta) return;
  }
  // Contiguous on both sides: one pass over the bytes, which for a bool may change.
  if (target->contiguous && from->contiguous && from.dtype() == d && d != DType::Bool &&
      from.numel() == target.numel() && !shares_storage(from, target)) {
    const size_t bytes = item_size(d) * static_cast<size_t>(target.numel());
    const WithoutGil guard(static_cast<int64_t>(bytes / 8));
    backend::current().copy_bytes(target->data, from->data, bytes);
    return;
  }
  if (shares_storage(from, target)) from = without_overlap(from, target);
  Operands o;
  const Dims& sizes = target.sizes();
  o.dims = sizes.count;
  for (int i = 0; i < sizes.count; ++i) o.sizes[i] = sizes[i];
  o.numel = target.numel();
  if (from.dim() > sizes.count) {
    Dims lead = from.sizes();  // leading ones may be dropped
    while (lead.count > sizes.count && lead[0] == 1) lead.erase(0);
    if (lead.count > sizes.count)
      fail<RuntimeError>("The expanded size of the tensor must match the existing size: cannot copy shape ",
                         from.sizes(), " into shape ", sizes);
    Dims strides;
    for (int i = from.dim() - lead.count; i < from.dim(); ++i) strides.push_back(from.strides()[i]);
    from = alias(from, lead, strides, 0);
  }
  for (int i = 0; i < from.dim(); ++i) {
    const int d = sizes.count - from.dim() + i;
    if (from.sizes()[i] != sizes[d] && from.sizes()[i] != 1)
      fail<RuntimeError>("The expanded size of the tensor (", sizes[d], ") must match the existing size (",
                         from.sizes()[i], ") at non-singleton dimension ", d, ".  Target sizes: ", sizes,
                         ".  Tensor sizes: ", from.sizes());
  }
  if (o.numel == 0) return;
  add_tensor(o, target, from.dtype(), sizes);
  add_tensor(o, from, from.dtype(), sizes);
  const WithoutGil guard(o.numel);
  backend::current().copy(o);
}

Tensor contiguous_copy(const Tensor& t) {
  Tensor copy = empty(t.sizes(), t.dtype());
  copy_into(copy, t);
  return copy;
}

Tensor cast_copy(const Tensor& t, DType dtype) {
  Tensor copy = empty_like(t, dtype);
  copy_into(copy, t);
  return copy;
}

namespace {

// Whether kReadableTail bytes behind the tensor may be read: they belong to its storage, or to the page in
// which its last element lies, which no memory shares with what must not be touched.
bool has_readable_tail(const Tensor& t) {
  if (t->storage->readable_tail || t->numel == 0) return true;
  const auto* const end = t->data + static_cast<size_t>(t->numel) * item_size(t->dtype);
  if (end + kReadableTail <= t->storage->data + t->storage->bytes) return true;
#ifdef __SANITIZE_ADDRESS__
  return false;  // it knows about single bytes
#else
  constexpr uintptr_t kPage = 4096;
  return reinterpret_cast<uintptr_t>(end - 1) / kPage ==
         (reinterpret_cast<uintptr_t>(end) + kReadableTail - 1) / kPage;
#endif
}

}  // namespace

Tensor as_contiguous_padded(const Tensor& t) {
  return t->contiguous && has_readable_tail(t) ? t : contiguous_copy(t);
}

Tensor fill_raw(const Tensor& t, const Scalar& value) {
  if (t.numel() == 0) return t;
  alignas(16) char item[16];
  value.store(item, t.dtype());
  const auto size = item_size(t.dtype());
  if (is_dense(t.sizes(), t.strides())) {
    const WithoutGil guard(t.numel() / 4);
    backend::current().fill(t->data, item, size, t.numel());
    return t;
  }
  Operands o;
  o.dims = t.dim();
  for (int i = 0; i < t.dim(); ++i) o.sizes[i] = t.sizes()[i];
  o.numel = t.numel();
  add_tensor(o, t, t.dtype(), t.sizes());
  o.count = 2;
  o.data[1] = item;
  o.on_host[1] = true;
  o.stored[1] = o.wanted[1] = t.dtype();
  for (int d = 0; d < t.dim(); ++d) o.strides[1][d] = 0;
  const WithoutGil guard(o.numel);
  backend::current().copy(o);
  return t;
}

}  // namespace flambeau
