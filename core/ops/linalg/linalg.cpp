// Products of matrices and vectors.
#include "core/ops/linalg/product.h"
#include "core/ops/operators.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/ops/pointwise/rules.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

constexpr unsigned kFunctionMethodOut = Forms::function | Forms::method | Forms::out;
constexpr unsigned kEveryForm = kFunctionMethodOut | Forms::inplace;
constexpr const char* kProductKernel = "addmm_impl_cpu_";

void check_matrices(const Tensor& a, const Tensor& b) {
  if (a->sizes[1] != b->sizes[0]) [[unlikely]]
    fail<RuntimeError>("mat1 and mat2 shapes cannot be multiplied (", a->sizes[0], "x", a->sizes[1], " and ",
                       b->sizes[0], "x", b->sizes[1],
                       "); the columns of the first must be as many as the rows of the second");
  if (a.dtype() != b.dtype()) [[unlikely]]
    fail<RuntimeError>("expected m1 and m2 to have the same dtype, but got: ", c_type_name(a.dtype()),
                       " != ", c_type_name(b.dtype()), "; convert one of them, for example with .to(dtype)");
}

// compute(destination) writes the whole result, reading `inputs`: through a temporary where those overlap it.
template <class Compute>
Tensor written(const Out& out, const Dims& sizes, DType dtype, std::initializer_list<const Tensor*> inputs,
               Compute compute) {
  if (!out.target) {
    Tensor result = empty(sizes, dtype);
    compute(result);
    return result;
  }
  Tensor result = result_for(out, sizes, dtype);
  bool overlap = false;
  for (const Tensor* input : inputs) overlap |= shares_storage(result, *input);
  if (!overlap) {
    compute(result);
    return result;
  }
  Tensor fresh = empty(sizes, dtype);
  compute(fresh);
  copy_into(result, fresh);
  return result;
}

Vector vector_of(const Tensor& t) { return {t->data, t->sizes[0] > 1 ? t->strides[0] : 1}; }

Tensor scaled(const Tensor& grad, const Scalar& factor) {
  return factor.equals(1) ? grad : mul(grad, factor);
}

// beta * self + alpha * (product) : self broadcast into the destination first, unless beta is 0.
void start_from(const Tensor& destination, const Tensor& self, const Scalar& beta) {
  if (!beta.equals(0) && destination.get() != self.get()) copy_into(destination, self);
}

// What an in-place addmm_ and its relatives refuse, and where self cannot be broadcast.
void check_added(const Tensor& self, const Dims& sizes, const Out& out) {
  if (self.sizes() == sizes) return;
  if (out.inplace)
    fail<RuntimeError>("Bad in-place call: input tensor size ", self.sizes(), " and output tensor size ",
                       sizes, " should match");
  const int missing = sizes.count - self.dim();
  for (int i = self.dim() - 1; i >= 0; --i)
    if (missing < 0 || (self.sizes()[i] != 1 && self.sizes()[i] != sizes[i + missing]))
      fail<RuntimeError>("The expanded size of the tensor (", sizes[std::max(i + missing, 0)],
                         ") must match the existing size (", self.sizes()[i], ") at non-singleton dimension ",
                         std::max(i + missing, 0), ".  Target sizes: ", sizes,
                         ".  Tensor sizes: ", self.sizes());
}

void check_added_dtype(const Tensor& self, const Tensor& matrix) {
  if (self.dtype() != matrix.dtype()) [[unlikely]]
    fail<RuntimeError>("self and mat2 must have the same dtype, but got ", scalar_type_name(self.dtype()),
                       " and ", scalar_type_name(matrix.dtype()));
}

}  // namespace

// ---- matrix x matrix

Tensor mm(const Tensor& self, const Tensor& mat2, const Out& out) {
  check(self.dim() == 2, "self must be a matrix");
  check(mat2.dim() == 2, "mat2 must be a matrix");
  check_matrices(self, mat2);
  return differentiable(
      "MmBackward0", out,
      [&] {
        return written(
            out, {self->sizes[0], mat2->sizes[1]}, self.dtype(), {&self, &mat2}, [&](const Tensor& result) {
              product(kProductKernel, self.dtype(), matrix_of(result), matrix_of(self), matrix_of(mat2));
            });
      },
      wrt(self, [b = saved(mat2)](const Tensor& grad) { return mm(grad, matrix_H(b())); }),
      wrt(mat2, [a = saved(self)](const Tensor& grad) { return mm(matrix_H(a()), grad); }));
}

/// The product of two matrices: out[i, j] = sum_k a[i, k] b[k, j].
///
/// Args:
///     self: (m, k)
///     mat2: (k, n)
///
/// Raises:
///     RuntimeError: no matrices, shapes or dtypes that do not fit.
///
/// >>> torch.mm(torch.ones(2, 3), torch.ones(3, 1)).tolist()
/// [[3.0], [3.0]]
EXPOSE("mm(Tensor self, Tensor mat2) -> Tensor", mm, kFunctionMethodOut | Forms::lower_precision);

namespace {
Tensor addmm(const Tensor& self, const Tensor& mat1, const Tensor& mat2, const Scalar& beta,
             const Scalar& alpha, const Out& out) {
  check(mat1.dim() == 2, "mat1 must be a matrix, got ", mat1.dim(), "-D tensor");
  check(mat2.dim() == 2, "mat2 must be a matrix, got ", mat2.dim(), "-D tensor");
  check_matrices(mat1, mat2);
  const Dims sizes{mat1->sizes[0], mat2->sizes[1]};
  check_added(self, sizes, out);
  check_added_dtype(self, mat2);
  return differentiable(
      "AddmmBackward0", out,
      [&] {
        return written(out, sizes, self.dtype(), {&mat1, &mat2}, [&](const Tensor& result) {
          const bool is_row = self.dim() == 1 && self->sizes[0] == sizes[1] && self.is_contiguous();
          if (is_row && beta.equals(1))
            return product(kProductKernel, self.dtype(), matrix_of(result), matrix_of(mat1), matrix_of(mat2),
                           alpha, 0, self->data);
          start_from(result, self, beta);
          product(kProductKernel, self.dtype(), matrix_of(result), matrix_of(mat1), matrix_of(mat2), alpha,
                  beta);
        });
      },
      wrt(self, [beta](const Tensor& grad) { return scaled(grad, beta.conj()); }),
      wrt(mat1, [b = saved(mat2),
                 alpha](const Tensor& grad) { return scaled(mm(grad, matrix_H(b())), alpha.conj()); }),
      wrt(mat2, [a = saved(mat1), alpha](const Tensor& grad) {
        return scaled(mm(matrix_H(a()), grad), alpha.conj());
      }));
}
}  // namespace

/// beta self + alpha mat1 mat2.
///
/// Args:
///     self: broadcasts with (m, n)
///     mat1: (m, k)
///     mat2: (k, n)
///     beta, alpha: numbers; with beta = 0 NaN in self is ignored
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> torch.addmm(torch.ones(1), torch.ones(2, 3), torch.ones(3, 1)).tolist()
/// [[4.0], [4.0]]
EXPOSE("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Number beta=1, Number alpha=1) -> Tensor", addmm,
       kEveryForm | Forms::lower_precision);

// ---- batches of matrices

namespace {
void check_batches(const Tensor& a, const Tensor& b) {
  check(a.dim() == 3, "batch1 must be a 3D tensor");
  check(b.dim() == 3, "batch2 must be a 3D tensor");
  if (a->sizes[0] != b->sizes[0] || a->sizes[2] != b->sizes[1])
    fail<RuntimeError>("Expected size for first two dimensions of batch2 tensor to be: [", a->sizes[0], ", ",
                       a->sizes[2], "] but got: [", b->sizes[0], ", ", b->sizes[1], "].");
  check(a.dtype() == b.dtype(), "expected scalar type ", scalar_type_name(a.dtype()), " but found ",
        scalar_type_name(b.dtype()));
}
Tensor swap_last(const Tensor& x) { return transpose(x, 1, 2); }
}  // namespace

Tensor bmm(const Tensor& self, const Tensor& mat2, const Out& out) {
  check_batches(self, mat2);
  return differentiable(
      "BmmBackward0", out,
      [&] {
        const Dims sizes{self->sizes[0], self->sizes[1], mat2->sizes[2]};
        return written(out, sizes, self.dtype(), {&self, &mat2}, [&](const Tensor& result) {
          product("bmm", self.dtype(), batch_of(result), batch_of(self), batch_of(mat2), 1, 0, nullptr,
                  sizes[0]);
        });
      },
      wrt(self, [b = saved(mat2)](const Tensor& grad) { return bmm(grad, conj(swap_last(b()))); }),
      wrt(mat2, [a = saved(self)](const Tensor& grad) { return bmm(conj(swap_last(a())), grad); }));
}

/// The products of two batches of matrices.
///
/// Args:
///     self: (b, m, k)
///     mat2: (b, k, n)
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).flatten().tolist()
/// [3.0, 3.0]
EXPOSE("bmm(Tensor self, Tensor mat2) -> Tensor", bmm, kFunctionMethodOut | Forms::lower_precision);

namespace {
Tensor baddbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
               const Scalar& alpha, const Out& out) {
  check_batches(batch1, batch2);
  const Dims sizes{batch1->sizes[0], batch1->sizes[1], batch2->sizes[2]};
  check_added(self, sizes, out);
  check(self.dtype() == batch1.dtype(), "Input dtypes must be the same, got: input ",
        c_type_name(self.dtype()), ", batch1: ", c_type_name(batch1.dtype()),
        ", batch2: ", c_type_name(batch2.dtype()));
  return differentiable(
      "BaddbmmBackward0", out,
      [&] {
        return written(out, sizes, self.dtype(), {&batch1, &batch2}, [&](const Tensor& result) {
          start_from(result, self, beta);
          product("baddbmm", self.dtype(), batch_of(result), batch_of(batch1), batch_of(batch2), alpha, beta,
                  nullptr, sizes[0]);
        });
      },
      wrt(self, [beta](const Tensor& grad) { return scaled(grad, beta.conj()); }),
      wrt(batch1, [b = saved(batch2), alpha](
                      const Tensor& grad) { return scaled(bmm(grad, conj(swap_last(b()))), alpha.conj()); }),
      wrt(batch2, [a = saved(batch1), alpha](const Tensor& grad) {
        return scaled(bmm(conj(swap_last(a())), grad), alpha.conj());
      }));
}

// Sum over the batch: one product of the matrices laid side by side.
Tensor addbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
              const Scalar& alpha, const Out& out) {
  check_batches(batch1, batch2);
  const int64_t batch = batch1->sizes[0], m = batch1->sizes[1], k = batch1->sizes[2], n = batch2->sizes[2];
  const int64_t first[] = {1, 0, 2}, left[] = {m, batch * k}, right[] = {batch * k, n};
  return addmm(self, reshape(permute(batch1, first), left), reshape(batch2, right), beta, alpha, out);
}
}  // namespace

/// beta self + alpha batch1 batch2, batch by batch.
///
/// Args:
///     self: broadcasts with (b, m, n)
///     batch1: (b, m, k)
///     batch2: (b, k, n)
///     beta, alpha: numbers; with beta = 0 NaN in self is ignored
///
/// >>> torch.baddbmm(torch.ones(1), torch.ones(1, 1, 3), torch.ones(1, 3, 1)).flatten().tolist()
/// [4.0]
EXPOSE("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1) -> Tensor",
       baddbmm, kEveryForm | Forms::lower_precision);

/// beta self + alpha sum_i batch1[i] batch2[i].
///
/// Args:
///     self: broadcasts with (m, n)
///     batch1: (b, m, k)
///     batch2: (b, k, n)
///     beta, alpha: numbers; with beta = 0 NaN in self is ignored
///
/// >>> torch.addbmm(torch.zeros(1), torch.ones(2, 1, 3), torch.ones(2, 3, 1)).tolist()
/// [[6.0]]
EXPOSE("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1) -> Tensor",
       addbmm, kEveryForm | Forms::lower_precision);

// ---- matrix x vector

namespace {
void check_matrix_vector(const Tensor& matrix, const Tensor& vector, int added, int64_t added_size) {
  check(matrix.dim() == 2 && vector.dim() == 1 && added <= 1, "vector + matrix @ vector expected, got ",
        added, ", ", matrix.dim(), ", ", vector.dim());
  check(matrix->sizes[1] == vector->sizes[0] &&
            (added == 0 || added_size == matrix->sizes[0] || added_size == 1),
        "size mismatch, got input (", added_size, "), mat (", matrix->sizes[0], "x", matrix->sizes[1],
        "), vec (", vector->sizes[0], ")");
}
void check_same_dtype(DType self, const Tensor& matrix, const Tensor& vector) {
  check(self == matrix.dtype() && self == vector.dtype(),
        "addmv input tensors must have the same dtype, but got ", scalar_type_name(self), ", ",
        scalar_type_name(matrix.dtype()), ", and ", scalar_type_name(vector.dtype()));
}
}  // namespace

Tensor mv(const Tensor& self, const Tensor& vec, const Out& out) {
  check_matrix_vector(self, vec, 1, self.dim() == 2 ? self->sizes[0] : 0);
  check_same_dtype(vec.dtype(), self, vec);
  return differentiable(
      "MvBackward0", out,
      [&] {
        return written(out, {self->sizes[0]}, self.dtype(), {&self, &vec}, [&](const Tensor& result) {
          product("addmv_impl_cpu", self.dtype(), vector_of(result), matrix_of(self), vector_of(vec));
        });
      },
      wrt(self, [v = saved(vec)](const Tensor& grad) { return outer(grad, conj(v())); }),
      wrt(vec, [a = saved(self)](const Tensor& grad) { return mv(matrix_H(a()), grad); }));
}

/// The product of a matrix and a vector.
///
/// Args:
///     self: (m, k)
///     vec: (k,)
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> torch.mv(torch.ones(2, 3), torch.ones(3)).tolist()
/// [3.0, 3.0]
EXPOSE("mv(Tensor self, Tensor vec) -> Tensor", mv, kFunctionMethodOut);

namespace {
Tensor addmv(const Tensor& self, const Tensor& mat, const Tensor& vec, const Scalar& beta,
             const Scalar& alpha, const Out& out) {
  check_matrix_vector(mat, vec, self.dim(), self.dim() == 1 ? self->sizes[0] : 0);
  check_same_dtype(self.dtype(), mat, vec);
  return differentiable(
      "AddmvBackward0", out,
      [&] {
        return written(out, {mat->sizes[0]}, self.dtype(), {&mat, &vec}, [&](const Tensor& result) {
          start_from(result, self, beta);
          product("addmv_impl_cpu", self.dtype(), vector_of(result), matrix_of(mat), vector_of(vec), alpha,
                  beta);
        });
      },
      wrt(self, [beta](const Tensor& grad) { return scaled(grad, beta.conj()); }),
      wrt(mat, [v = saved(vec),
                alpha](const Tensor& grad) { return scaled(outer(grad, conj(v())), alpha.conj()); }),
      wrt(vec, [a = saved(mat), alpha](const Tensor& grad) {
        return scaled(mv(matrix_H(a()), grad), alpha.conj());
      }));
}
}  // namespace

/// beta self + alpha mat vec.
///
/// Args:
///     self: broadcasts with (m,)
///     mat: (m, k)
///     vec: (k,)
///     beta, alpha: numbers; with beta = 0 NaN in self is ignored
///
/// >>> torch.addmv(torch.ones(2), torch.ones(2, 3), torch.ones(3)).tolist()
/// [4.0, 4.0]
EXPOSE("addmv(Tensor self, Tensor mat, Tensor vec, *, Number beta=1, Number alpha=1) -> Tensor", addmv,
       kEveryForm | inplace_function);

// ---- vector x vector

Tensor dot(const Tensor& self, const Tensor& tensor, const Out& out) {
  check(self.dim() == 1 && tensor.dim() == 1, "1D tensors expected, but got ", self.dim(), "D and ",
        tensor.dim(), "D tensors");
  check(self.dtype() == tensor.dtype(), "dot : expected both vectors to have same dtype, but found ",
        scalar_type_name(self.dtype()), " and ", scalar_type_name(tensor.dtype()));
  check(self->sizes[0] == tensor->sizes[0], "inconsistent tensor size, expected tensor [", self->sizes[0],
        "] and src [", tensor->sizes[0], "] to have the same number of elements, but got ", self->sizes[0],
        " and ", tensor->sizes[0], " elements respectively");
  return differentiable(
      "DotBackward0", out,
      [&] {
        Tensor result = result_for(out, {}, self.dtype());
        const int64_t n = self->sizes[0];
        const Vector x = vector_of(self), y = vector_of(tensor);
        if (is_floating(self.dtype()))
          backend::current().dot(self.dtype(), n, x, y, result->data);
        else
          product("dot", self.dtype(), Matrix{result->data, 1, 1, 1, 1}, Matrix{x.data, 1, n, n, x.stride},
                  Matrix{y.data, n, 1, y.stride, 1});
        return result;
      },
      wrt(self, [y = saved(tensor)](const Tensor& grad) { return mul(grad, conj(y())); }),
      wrt(tensor, [x = saved(self)](const Tensor& grad) { return mul(grad, conj(x())); }));
}

/// The dot product of two vectors: sum_k a[k] b[k].
///
/// Args:
///     self, tensor: (k,)
///
/// Raises:
///     RuntimeError: no vectors, lengths or dtypes that differ.
///
/// >>> torch.dot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
/// tensor(11.)
EXPOSE("dot(Tensor self, Tensor tensor) -> Tensor", dot, kFunctionMethodOut);

namespace {
Tensor vdot(const Tensor& self, const Tensor& other, const Out& out) { return dot(conj(self), other, out); }
}  // namespace

/// The dot product of two vectors, the first one conjugated: sum_k conj(a[k]) b[k].
///
/// Args:
///     self, other: (k,)
///
/// >>> torch.vdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
/// tensor(11.)
EXPOSE("vdot(Tensor self, Tensor other) -> Tensor", vdot, kFunctionMethodOut);

Tensor outer(const Tensor& self, const Tensor& vec2, const Out& out) {
  check(self.dim() == 1, "outer: Expected 1-D argument self, but got ", self.dim(), "-D");
  check(vec2.dim() == 1, "outer: Expected 1-D argument vec2, but got ", vec2.dim(), "-D");
  return mul(unsqueeze(self, 1), vec2, out);
}

/// The outer product of two vectors: out[i, j] = a[i] b[j].
///
/// Args:
///     self: (m,)
///     vec2: (n,)
///
/// Returns:
///     (m, n).
///
/// >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4])).tolist()
/// [[3, 4], [6, 8]]
EXPOSE("outer(Tensor self, Tensor vec2) -> Tensor", outer, kFunctionMethodOut);

/// The outer product of two vectors; the same as `outer`.
///
/// >>> torch.ger(torch.tensor([1, 2]), torch.tensor([3])).tolist()
/// [[3], [6]]
EXPOSE("ger(Tensor self, Tensor vec2) -> Tensor", outer, kFunctionMethodOut);

namespace {
Tensor addr(const Tensor& self, const Tensor& vec1, const Tensor& vec2, const Scalar& beta,
            const Scalar& alpha, const Out& out) {
  check(vec1.dim() == 1 && vec2.dim() == 1, "addr: Expected 1-D arguments vec1 and vec2, but got ",
        vec1.dim(), "-D and ", vec2.dim(), "-D");
  check_added(self, {vec1->sizes[0], vec2->sizes[0]}, out);
  const Tensor product = outer(vec1, vec2);
  const DType dtype = result_type({self, product});
  for (const auto& [name, factor] : {std::pair("beta", beta), std::pair("alpha", alpha)})
    check(!is_integral(dtype) || !(factor.is_floating() || factor.is_complex()),
          "For integral input tensors, argument ", name, " must not be a floating point number.");
  if (dtype == DType::Bool) {  // and, or: whatever the factors, the result is bool
    const Tensor added = alpha.equals(0) ? zeros(product.sizes(), DType::Bool) : product;
    return beta.equals(0) ? mul(added, Scalar(true), out) : add(self, added, Scalar(1), out);
  }
  if (beta.equals(0)) return mul(product, alpha, out);
  return add(scaled(self, beta), product, alpha, out);
}
}  // namespace

/// beta self + alpha vec1 vec2^T.
///
/// Args:
///     self: broadcasts with (m, n)
///     vec1: (m,)
///     vec2: (n,)
///     beta, alpha: numbers; with beta = 0 NaN in self is ignored
///
/// >>> torch.addr(torch.zeros(1, 2), torch.tensor([2.0]), torch.tensor([1.0, 3.0])).tolist()
/// [[2.0, 6.0]]
EXPOSE("addr(Tensor self, Tensor vec1, Tensor vec2, *, Number beta=1, Number alpha=1) -> Tensor", addr,
       kEveryForm);

// ---- the deprecated overloads, with the factors before what they scale

namespace {
using Sum = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Scalar&, const Scalar&, const Out&);
// Functions name the factors in the order of the formula; methods name both before the factors' tensors.
template <Sum function>
Tensor both_factors(const Scalar& beta, const Tensor& self, const Scalar& alpha, const Tensor& a,
                    const Tensor& b, const Out& out) {
  return function(self, a, b, beta, alpha, out);
}
template <Sum function>
Tensor one_factor(const Scalar& beta, const Tensor& self, const Tensor& a, const Tensor& b, const Out& out) {
  return function(self, a, b, beta, 1, out);
}
template <Sum function>
Tensor both_factors_of(const Tensor& self, const Scalar& beta, const Scalar& alpha, const Tensor& a,
                       const Tensor& b, const Out& out) {
  return function(self, a, b, beta, alpha, out);
}
template <Sum function>
Tensor one_factor_of(const Tensor& self, const Scalar& beta, const Tensor& a, const Tensor& b,
                     const Out& out) {
  return function(self, a, b, beta, 1, out);
}
constexpr unsigned kFunctionOut = Forms::function | Forms::out, kMethods = Forms::method | Forms::inplace;
}  // namespace

EXPOSE("addmm(Number beta, Tensor self, Number alpha, Tensor mat1, Tensor mat2) -> Tensor|deprecated",
       both_factors<addmm>, kFunctionOut | Forms::lower_precision);
EXPOSE("addmm(Number beta, Tensor self, Tensor mat1, Tensor mat2) -> Tensor|deprecated", one_factor<addmm>,
       kFunctionOut | Forms::lower_precision);
EXPOSE("addmm(Tensor self, Number beta, Number alpha, Tensor mat1, Tensor mat2) -> Tensor|deprecated",
       both_factors_of<addmm>, kMethods | Forms::lower_precision);
EXPOSE("addmm(Tensor self, Number beta, Tensor mat1, Tensor mat2) -> Tensor|deprecated", one_factor_of<addmm>,
       kMethods | Forms::lower_precision);
EXPOSE("addbmm(Number beta, Tensor self, Number alpha, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       both_factors<addbmm>, kFunctionOut | Forms::lower_precision);
EXPOSE("addbmm(Number beta, Tensor self, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       one_factor<addbmm>, kFunctionOut | Forms::lower_precision);
EXPOSE("addbmm(Tensor self, Number beta, Number alpha, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       both_factors_of<addbmm>, kMethods | Forms::lower_precision);
EXPOSE("addbmm(Tensor self, Number beta, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       one_factor_of<addbmm>, kMethods | Forms::lower_precision);
EXPOSE("baddbmm(Number beta, Tensor self, Number alpha, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       both_factors<baddbmm>, kFunctionOut | Forms::lower_precision);
EXPOSE("baddbmm(Number beta, Tensor self, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       one_factor<baddbmm>, kFunctionOut | Forms::lower_precision);
EXPOSE("baddbmm(Tensor self, Number beta, Number alpha, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       both_factors_of<baddbmm>, kMethods | Forms::lower_precision);
EXPOSE("baddbmm(Tensor self, Number beta, Tensor batch1, Tensor batch2) -> Tensor|deprecated",
       one_factor_of<baddbmm>, kMethods | Forms::lower_precision);
EXPOSE("addmv(Number beta, Tensor self, Number alpha, Tensor mat, Tensor vec) -> Tensor|deprecated",
       both_factors<addmv>, kFunctionOut);
EXPOSE("addmv(Number beta, Tensor self, Tensor mat, Tensor vec) -> Tensor|deprecated", one_factor<addmv>,
       kFunctionOut);
EXPOSE("addmv(Tensor self, Number beta, Number alpha, Tensor mat, Tensor vec) -> Tensor|deprecated",
       both_factors_of<addmv>, kMethods);
EXPOSE("addmv(Tensor self, Number beta, Tensor mat, Tensor vec) -> Tensor|deprecated", one_factor_of<addmv>,
       kMethods);
EXPOSE("addr(Number beta, Tensor self, Number alpha, Tensor vec1, Tensor vec2) -> Tensor|deprecated",
       both_factors<addr>, kFunctionOut);
EXPOSE("addr(Number beta, Tensor self, Tensor vec1, Tensor vec2) -> Tensor|deprecated", one_factor<addr>,
       kFunctionOut);
EXPOSE("addr(Tensor self, Number beta, Number alpha, Tensor vec1, Tensor vec2) -> Tensor|deprecated",
       both_factors_of<addr>, kMethods);
EXPOSE("addr(Tensor self, Number beta, Tensor vec1, Tensor vec2) -> Tensor|deprecated", one_factor_of<addr>,
       kMethods);

// ---- any x any

namespace {

// The dimensions of x before its last two, broadcast with `batch` so far.
Dims leading(const Tensor& x) {
  Dims dims;
  for (int i = 0; i < x.dim() - 2; ++i) dims.push_back(x->sizes[i]);
  return dims;
}
Tensor in_batches(const Tensor& x, Dims batch, int64_t count) {
  const int64_t rows = x->sizes[x.dim() - 2], columns = x->sizes[x.dim() - 1];
  batch.push_back(rows);
  batch.push_back(columns);
  const int64_t flat[] = {count, rows, columns};
  return reshape(x.sizes() == batch ? x : expand(x, batch), flat);
}

Tensor matmul_fresh(const Tensor& self, const Tensor& other) {
  const int a = self.dim(), b = other.dim();
  check(a >= 1 && b >= 1, "both arguments to matmul need to be at least 1D, but they are ", a, "D and ", b,
        "D");
  if (a == 1 && b == 1) return dot(self, other);
  if (a == 2 && b == 1) return mv(self, other);
  if (a == 2 && b == 2) return mm(self, other);
  if (a == 1) {
    const int64_t row[] = {std::max(b, 2) - 2};
    return squeeze(matmul(unsqueeze(self, 0), other), row);
  }
  if (b <= 2) {  // the batch's rows are rows of one matrix
    Dims sizes = self.sizes();
    const int64_t columns = sizes.back();
    sizes.resize(sizes.count - 1);
    const int64_t flat[] = {checked_numel(sizes), columns};
    const Tensor rows = reshape(self, flat);
    if (b == 1) return view(mv(rows, other), sizes);
    sizes.push_back(other->sizes[1]);
    return view(mm(rows, other), sizes);
  }
  Dims batch = broadcast_sizes(leading(self), leading(other));
  const int64_t count = checked_numel(batch);
  const Tensor product = bmm(in_batches(self, batch, count), in_batches(other, batch, count));
  batch.push_back(self->sizes[a - 2]);
  batch.push_back(other->sizes[b - 1]);
  return view(product, batch);
}

}  // namespace

Tensor matmul(const Tensor& self, const Tensor& other, const Out& out) {
  if (self.dim() == 2 && other.dim() == 2) return mm(self, other, out);
  if (!out.target) return matmul_fresh(self, other);
  const Tensor fresh = matmul_fresh(self, other);
  Tensor result = result_for(out, fresh.sizes(), fresh.dtype());
  copy_into(result, fresh);
  return result;
}

/// The matrix product: vectors are rows or columns, leading dimensions are batches that broadcast.
///
/// Args:
///     self: (k,) or (..., m, k)
///     other: (k,) or (..., k, n)
///
/// Returns:
///     (..., m, n), without the dimension that a vector stands for.
///
/// Raises:
///     RuntimeError: a scalar, shapes or dtypes that do not fit.
///
/// >>> torch.matmul(torch.ones(2, 3), torch.ones(3)).tolist()
/// [3.0, 3.0]
EXPOSE("matmul(Tensor self, Tensor other) -> Tensor", matmul, kFunctionMethodOut | Forms::lower_precision);

// ---- y = x W^T + b

Tensor linear(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, const Out& out) {
  check(input.dim() >= 1 && weight.dim() >= 1,
        "both arguments to linear need to be at least 1D, but they are ", input.dim(), "D and ", weight.dim(),
        "D");
  if (weight.dim() != 2) {
    const Tensor product = matmul(input, weight.dim() == 1 ? weight : t(weight));
    return bias ? add(product, bias, 1, out) : out.target ? mul(product, Scalar(1), out) : product;
  }
  const int64_t in = weight->sizes[1], features = weight->sizes[0];
  Dims sizes = input.sizes();
  const int64_t rows = sizes.back() == 0 ? checked_numel({sizes.values, static_cast<size_t>(sizes.count - 1)})
                                         : input.numel() / sizes.back();
  if (sizes.back() != in) [[unlikely]]
    fail<RuntimeError>("mat1 and mat2 shapes cannot be multiplied (", rows, "x", sizes.back(), " and ", in,
                       "x", features, "); the input's last dimension must be the weight's ", in,
                       " input features");
  if (input.dtype() != weight.dtype()) [[unlikely]]
    fail<RuntimeError>("expected m1 and m2 to have the same dtype, but got: ", c_type_name(input.dtype()),
                       " != ", c_type_name(weight.dtype()),
                       "; convert one of them, for example with .to(dtype)");
  if (bias) {
    check_added_dtype(bias, weight);
    check_added(bias, {rows, features}, {});
  }
  const bool flat = input.dim() == 2;
  sizes.back() = features;
  const auto as_rows = [rows](const Tensor& x, int64_t columns) {
    const int64_t shape[] = {rows, columns};
    return x.dim() == 2 ? x : reshape(x, shape);
  };
  return differentiable(
      flat   ? (bias ? "AddmmBackward0" : "MmBackward0")
      : bias ? "AddBackward0"
             : "UnsafeViewBackward0",
      out,
      [&] {
        const Tensor result = empty(sizes, input.dtype());
        const Tensor x = flat ? input : as_contiguous(input);
        const Matrix left = flat ? matrix_of(x) : Matrix{x->data, rows, in, in, 1};
        const Matrix target{result->data, rows, features, features, 1};
        const bool is_row = bias && bias.dim() == 1 && bias->sizes[0] == features && bias.is_contiguous();
        if (bias && !is_row) copy_into(alias(result, {rows, features}, {features, 1}, 0), bias);
        product(kProductKernel, input.dtype(), target, left, matrix_of(weight).transposed(), 1,
                bias && !is_row ? 1 : 0, is_row ? bias->data : nullptr);
        if (!out.target) return result;
        Tensor wanted = result_for(out, sizes, input.dtype());
        copy_into(wanted, result);
        return wanted;
      },
      wrt(bias, [features, as_rows](const Tensor& grad) { return as_rows(grad, features); }),
      wrt(input,
          [w = saved(weight), shape = input.sizes(), features, as_rows](const Tensor& grad) {
            const Tensor result = mm(as_rows(grad, features), conj(w()));
            return shape.count == 2 ? result : reshape(result, shape);
          }),
      wrt(weight, [x = saved(input), in, features, as_rows](const Tensor& grad) {
        return mm(t(as_rows(grad, features)), conj(as_rows(x(), in)));
      }));
}

/// x W^T + b.
///
/// Args:
///     input: (..., in)
///     weight: (out, in) or (in,)
///     bias: (out,)
///
/// Returns:
///     (..., out).
///
/// Raises:
///     RuntimeError: shapes or dtypes that do not fit.
///
/// >>> torch.nn.functional.linear(torch.ones(1, 2), torch.ones(3, 2)).tolist()
/// [[2.0, 2.0, 2.0]]
EXPOSE("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", linear,
       Forms::nn | Forms::out | Forms::lower_precision);

}  // namespace flambeau
