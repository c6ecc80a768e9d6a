#include "core/autograd/out_rule.h"

#include <string>

#include "core/tensor/error.h"

namespace flambeau {
namespace {

using enum OutRule::Accepts;

constexpr std::string_view kExpectedOut =
    "Expected out tensor to have dtype {c result}, but got {c target} instead";

// Operators by their rule; "name.parameter" is the overload whose second parameter has that name.
constexpr OutRule kRules[] = {
    {Castable, false,
     "result type {result} can't be cast to the desired output type {target}; convert it with .to() first",
     ""},
    {Same, false, kExpectedOut,
     "addmm addmv baddbmm bmm matmul mm mv _linalg.matmul _nn.linear cross _linalg.cross norm "
     "_linalg.vector_norm renorm tril triu diag softmax log_softmax isin aminmax argmax argmin max.dim "
     "min.dim "
     "gather take_along_dim sort argsort msort topk index_add index_copy scatter scatter_add slice_scatter "
     "alias_copy "
     "as_strided_copy "
     "diagonal_copy expand_copy permute_copy select_copy split_with_sizes_copy squeeze_copy t_copy "
     "transpose_copy unbind_copy unfold_copy unsqueeze_copy view_copy cumsum cumprod sum prod mean "
     "inverse lu_solve lu_unpack qr slogdet triangular_solve _linalg.cholesky _linalg.cholesky_ex "
     "_linalg.det "
     "_linalg.inv _linalg.inv_ex _linalg.ldl_factor _linalg.ldl_factor_ex _linalg.ldl_solve _linalg.lu "
     "_linalg.lu_factor _linalg.lu_factor_ex _linalg.lu_solve _linalg.qr _linalg.slogdet _linalg.solve "
     "_linalg.solve_ex"},
    {Same, false, "Found dtype {target} but expected {result}",
     "abs absolute bitwise_not ceil conj_physical clamp clip fix floor frac hardshrink lerp neg negative "
     "round sgn "
     "sign trunc _special.round _nn.gelu _nn.softplus _nn.softshrink"},
    {Same, false,
     "Expected the dtype for input and out to match, but got {result} for input's dtype and {target} for "
     "out's dtype.",
     "amax amin"},
    {Same, false, "expected scalar_type {result} but found {target}", "cummax cummin logcumsumexp"},
    {Castable, true, "torch.cat(): input types can't be cast to the desired output type {target}",
     "cat concat concatenate column_stack dstack hstack row_stack stack vstack"},
    {Same, false, "result dtype {target} does not match input dtype {result}", "dot vdot"},
    {Same, false,
     "tensordot: Expected the output tensor to have dtype {result}, but got an output tensor with dtype "
     "{target}",
     "inner tensordot"},
    {Same, false, "Expected out type to be {result} but got {target}", "where"},
    {Same, false, "self and mat2 must have the same dtype, but got {target} and {result}", "addbmm"},
    {Same, false, "multi_dot(): expected out tensor to have dtype {c result} but got {c target}",
     "_linalg.multi_dot chain_matmul"},
    {Same, false, "linalg.norm expected out tensor dtype {result} but got: {target}", "_linalg.norm"},
    {Same, false, "linalg.matrix_norm expected out tensor dtype {result} but got: {target}",
     "_linalg.matrix_norm"},
    {Same, false, "linalg.vecdot: Expected out of dtype{result} but found {target}", "_linalg.vecdot"},
    {Castable, false,
     "matrix_power: Expected result to be safely castable from {result} dtype, but got result with dtype "
     "{target}",
     "matrix_power _linalg.matrix_power"},
    {Castable, false,
     "cholesky: Expected result to be safely castable from {result} dtype, but got result with dtype "
     "{target}",
     "cholesky"},
    {Castable, false,
     "cholesky_inverse: Expected result to be safely castable from {result} dtype, but got result with dtype "
     "{target}",
     "cholesky_inverse"},
    {Castable, false,
     "cholesky_solve: Expected result to be safely castable from {result} dtype, but got result with dtype "
     "{target}",
     "cholesky_solve"},
    {Castable, false,
     "torch.linalg.householder_product: Expected result to be safely castable from {result} dtype, but got "
     "result with dtype {target}",
     "orgqr _linalg.householder_product"},
    {Castable, false,
     "tensorinv: Expected result to be safely castable from {result} dtype, but got result with dtype "
     "{target}",
     "_linalg.tensorinv"},
    {Castable, false,
     "tensorsolve: Expected result to be safely castable from {result} dtype, but got result with dtype "
     "{target}",
     "_linalg.tensorsolve"},
    {Same, false,
     "torch.ormqr: Expected input and result to have the same dtype, but input has dtype{result} and result "
     "has dtype {target}",
     "ormqr"},
    {Same, false, "expected scalar type {result} but found {target}", "_linalg.solve_triangular"},
    {Same, false, "nan_to_num: dtype of out: {target} should be same as input: {result}", "nan_to_num"},
    {Same, false, "narrow_copy(): the dtype of out, {target}, is not that of the input, {result}",
     "narrow_copy"},
    {Same, false, "nonzero: Expected out tensor to have scalar type {result} but got scalar type{target}",
     "nonzero"},
    {Same, false, "output values must be of same type as input", "kthvalue"},
    {Same, false, "expected scalar type '{result}' but got '{target}' for values output", "mode"},
    {Same, false,
     "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'; but type "
     "torch.{target}Tensor does not equal torch.{result}Tensor (while checking arguments for median)",
     "median nanmedian"},
    {Same, false, "heaviside is not yet implemented for tensors with different dtypes.", "heaviside"},
    {Same, false, "isneginf does not support non-boolean outputs.", "isneginf"},
    {Same, false, "isposinf does not support non-boolean outputs.", "isposinf"},
    {Same, false, "signbit does not support non-boolean outputs.", "signbit"},
    {Castable, false, "ldexp can't be cast to the desired output type {target}", "ldexp"},
    {Same, false,
     "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {c result} and "
     "hist "
     "{c target}",
     "histc histogram"},
    {Same, false,
     "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) "
     "depending on "
     "whether out_int32 flag is True, but we got output tensor's dtype {target}",
     "bucketize searchsorted"},
    {Same, false, "torch.frexp() expects a result to have dtype {c result} but got {c target}", "frexp"},
    {TruthValue, false, "all only supports bool tensor for result, got: {target}", "all"},
    {TruthValue, false, "any only supports bool tensor for result, got: {target}", "any"},
};

bool lists(std::string_view operators, std::string_view name) {
  for (size_t at = operators.find(name); at != operators.npos; at = operators.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || operators[at - 1] == ' ') && (end == operators.size() || operators[end] == ' '))
      return true;
  }
  return false;
}

bool accepts(OutRule::Accepts what, DType from, DType to) {
  switch (what) {
    case Same:
      return from == to;
    case TruthValue:
      return to == DType::Bool || to == DType::UInt8;
    case Castable:
      if (is_floating(from) && is_integral(to)) return false;
      if (is_complex(from) && !is_complex(to)) return false;
      return from == DType::Bool || to != DType::Bool;
  }
  return false;
}

}  // namespace

void OutRule::check(DType result, DType target) const {
  if (accepts(accepted, result, target)) [[likely]]
    return;
  std::string text(words);
  const auto fill_in = [&](std::string_view placeholder, const char* value) {
    if (const size_t at = text.find(placeholder); at != text.npos)
      text.replace(at, placeholder.size(), value);
  };
  fill_in("{result}", scalar_type_name(result));
  fill_in("{target}", scalar_type_name(target));
  fill_in("{c result}", c_type_name(result));
  fill_in("{c target}", c_type_name(target));
  if (type_error) fail<TypeError>(text);
  fail<RuntimeError>(text);
}

const OutRule& castable_rule() { return kRules[0]; }

const OutRule& out_rule_of(std::string_view operator_name, std::string_view second) {
  const std::string overload = std::string(operator_name) + "." + std::string(second);
  for (const OutRule& rule : kRules)
    if (lists(rule.operators, operator_name) || lists(rule.operators, overload)) return rule;
  return castable_rule();
}

}  // namespace flambeau
