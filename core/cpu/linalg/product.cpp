#include "core/cpu/linalg/product.h"

#include <algorithm>
#include <optional>

#include "core/cpu/linalg/gemm.h"
#include "core/cpu/linalg/half_gemm.h"
#include "core/tensor/allocator.h"
#include "core/tensor/dispatch.h"
#include "core/tensor/gil.h"

namespace flambeau::cpu {
namespace {

// How BLAS takes a matrix: rows of contiguous items, perhaps of the transposed one.
struct Layout {
  bool transposed;
  int64_t leading;
};

std::optional<Layout> row_layout(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  const int64_t width = std::max<int64_t>(1, columns);
  if (rows == 0 || columns == 0) return Layout{false, width};
  if (columns > 1 && column_stride != 1) return std::nullopt;
  if (rows > 1 && row_stride < width) return std::nullopt;
  return Layout{false, rows > 1 ? row_stride : width};
}
std::optional<Layout> layout_of(const Matrix& m) {
  if (auto layout = row_layout(m.rows, m.columns, m.row_stride, m.column_stride)) return layout;
  auto layout = row_layout(m.columns, m.rows, m.column_stride, m.row_stride);
  if (layout) layout->transposed = true;
  return layout;
}

template <class T>
void copy_matrix(const Matrix& from, const Matrix& to, int64_t batch) {
  for (int64_t p = 0; p < batch; ++p)
    for (int64_t i = 0; i < from.rows; ++i) {
      const T* const x = reinterpret_cast<const T*>(from.data) + p * from.batch_stride + i * from.row_stride;
      T* const y = reinterpret_cast<T*>(to.data) + p * to.batch_stride + i * to.row_stride;
      for (int64_t j = 0; j < from.columns; ++j) y[j * to.column_stride] = x[j * from.column_stride];
    }
}

// Memory for a copy.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    if (memory_) deallocate(memory_, bytes_);
  }
  char* take(size_t bytes) {
    memory_ = allocate(bytes);
    bytes_ = bytes;
    return static_cast<char*>(memory_);
  }

 private:
  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

// A matrix in a layout that BLAS takes: itself, or a copy that `holder` keeps.
template <class T>
Matrix in_rows(const Matrix& m, int64_t& batch, Block& holder, bool copy = true) {
  if (layout_of(m)) return m;
  if (m.batch_stride == 0) batch = 1;
  Matrix dense{holder.take(static_cast<size_t>(batch * m.rows * m.columns) * sizeof(T)),
               m.rows,
               m.columns,
               m.columns,
               1,
               m.batch_stride == 0 ? 0 : m.rows * m.columns};
  if (copy) copy_matrix<T>(m, dense, batch);
  return dense;
}

int64_t nanoseconds(int64_t multiplications) { return multiplications / 32; }

template <class T>
void floating_product(const Matrix& c, const Matrix& a, const Matrix& b, T alpha, T beta, const T* bias,
                      int64_t batch) {
  const auto target = layout_of(c);
  if (!target) {
    Block holder;
    int64_t copies = batch;
    const Matrix dense = in_rows<T>(c, copies, holder, beta != 0);
    floating_product(dense, a, b, alpha, beta, bias, batch);
    return copy_matrix<T>(dense, c, batch);
  }
  if (target->transposed && !bias)
    return floating_product(c.transposed(), b.transposed(), a.transposed(), alpha, beta, bias, batch);
  if (target->transposed) {
    copy_matrix<T>({reinterpret_cast<char*>(const_cast<T*>(bias)), c.rows, c.columns, 0, 1, 0}, c, batch);
    return floating_product<T>(c, a, b, alpha, T(1), nullptr, batch);
  }
  Block holder_a, holder_b;
  int64_t copies_a = batch, copies_b = batch;
  const Matrix left = in_rows<T>(a, copies_a, holder_a), right = in_rows<T>(b, copies_b, holder_b);
  const Layout layout_a = *layout_of(left), layout_b = *layout_of(right);
  Gemm<T> g{};
  g.trans_a = layout_a.transposed;
  g.trans_b = layout_b.transposed;
  g.m = c.rows;
  g.n = c.columns;
  g.k = a.columns;
  g.alpha = alpha;
  g.a = reinterpret_cast<const T*>(left.data);
  g.lda = layout_a.leading;
  g.b = reinterpret_cast<const T*>(right.data);
  g.ldb = layout_b.leading;
  g.beta = beta;
  g.c = reinterpret_cast<T*>(c.data);
  g.ldc = target->leading;
  g.bias = bias;
  const WithoutGil guard(nanoseconds(g.m * g.n * g.k * batch));
  if (batch == 1)
    gemm(g);
  else
    gemm_batched(g, batch, left.batch_stride, right.batch_stride, c.batch_stride);
}

// ---- half precision

// A matrix one of whose strides is 1: itself, or a copy that `holder` keeps.
Matrix in_lines(const Matrix& m, int64_t& batch, Block& holder) {
  if (m.column_stride == 1 || m.row_stride == 1) return m;
  if (m.rows == 1) return {m.data, 1, m.columns, 1, m.column_stride, m.batch_stride};
  if (m.columns == 1) return {m.data, m.rows, 1, m.row_stride, 1, m.batch_stride};
  return in_rows<uint16_t>(m, batch, holder);
}

void half_product(DType dtype, const Matrix& c, const Matrix& a, const Matrix& b, float alpha, float beta,
                  const uint16_t* bias, int64_t batch) {
  const auto target = layout_of(c);
  if (!target) {
    Block holder;
    int64_t copies = batch;
    const Matrix dense = in_rows<uint16_t>(c, copies, holder, beta != 0);
    half_product(dtype, dense, a, b, alpha, beta, bias, batch);
    return copy_matrix<uint16_t>(dense, c, batch);
  }
  if (target->transposed && !bias)
    return half_product(dtype, c.transposed(), b.transposed(), a.transposed(), alpha, beta, bias, batch);
  if (target->transposed) {
    copy_matrix<uint16_t>({reinterpret_cast<char*>(const_cast<uint16_t*>(bias)), c.rows, c.columns, 0, 1, 0},
                          c, batch);
    return half_product(dtype, c, a, b, alpha, 1, nullptr, batch);
  }
  Block holder_a, holder_b;
  int64_t copies_a = batch, copies_b = batch;
  const Matrix left = in_lines(a, copies_a, holder_a), right = in_lines(b, copies_b, holder_b);
  HalfGemm g{};
  g.m = c.rows;
  g.n = c.columns;
  g.k = a.columns;
  g.alpha = alpha;
  g.a = reinterpret_cast<const uint16_t*>(left.data);
  g.a_row = left.row_stride;
  g.a_column = left.column_stride;
  g.b = reinterpret_cast<const uint16_t*>(right.data);
  g.b_row = right.row_stride;
  g.b_column = right.column_stride;
  g.beta = beta;
  g.c = reinterpret_cast<uint16_t*>(c.data);
  g.ldc = target->leading;
  g.bias = bias;
  const WithoutGil guard(nanoseconds(g.m * g.n * g.k * batch));
  half_gemm(dtype, g, batch, left.batch_stride, right.batch_stride, c.batch_stride);
}

[[noreturn]] void refuse(const char* name, DType dtype) {
  fail<NotImplementedError>('"', name, "\" not implemented for '", scalar_type_name(dtype), "'");
}

}  // namespace

void product(const char* name, DType dtype, const Matrix& c, const Matrix& a, const Matrix& b,
             const Scalar& alpha, const Scalar& beta, const void* bias, int64_t batch) {
  if (dtype == DType::Float32)
    return floating_product<float>(c, a, b, alpha.to<float>(), beta.to<float>(),
                                   static_cast<const float*>(bias), batch);
  if (dtype == DType::Float64)
    return floating_product<double>(c, a, b, alpha.to<double>(), beta.to<double>(),
                                    static_cast<const double*>(bias), batch);
  if (is_complex(dtype))
    return visit_complex(dtype, name, [&]<class T>() {
      floating_product<T>(c, a, b, alpha.to<T>(), beta.to<T>(), static_cast<const T*>(bias), batch);
    });
  if (is_half(dtype))
    return half_product(dtype, c, a, b, alpha.to<float>(), beta.to<float>(),
                        static_cast<const uint16_t*>(bias), batch);
  if (!is_integral(dtype) || is_wide_unsigned(dtype) || dtype == DType::Bool) refuse(name, dtype);
  if (bias)
    visit_number(dtype, name, [&]<class T>() {
      copy_matrix<T>({static_cast<char*>(const_cast<void*>(bias)), c.rows, c.columns, 0, 1, 0}, c, batch);
    });
  IntegerGemm g{};
  g.m = c.rows;
  g.n = c.columns;
  g.k = a.columns;
  g.a = a.data;
  g.a_row = a.row_stride;
  g.a_column = a.column_stride;
  g.b = b.data;
  g.b_row = b.row_stride;
  g.b_column = b.column_stride;
  g.c = c.data;
  g.c_row = c.row_stride;
  g.c_column = c.column_stride;
  g.alpha = alpha.to_int();
  g.beta = bias ? 1 : beta.to_int();
  g.batch = batch;
  g.a_step = a.batch_stride;
  g.b_step = b.batch_stride;
  g.c_step = c.batch_stride;
  const WithoutGil guard(nanoseconds(g.m * g.n * g.k * batch * 8));
  gemm_integer(dtype, g);
}

void product(const char* name, DType dtype, const Vector& y, const Matrix& a, const Vector& x,
             const Scalar& alpha, const Scalar& beta) {
  const Matrix column{x.data, a.columns, 1, x.stride, 1}, result{y.data, a.rows, 1, y.stride, 1};
  const auto layout = layout_of(a);
  if (!is_floating(dtype) || is_half(dtype) || !layout || a.columns == 0)
    return product(name, dtype, result, a, column, alpha, beta, nullptr, 1);
  visit_floating(dtype, name, [&]<class T>() {
    Gemv<T> g{};
    g.trans = layout->transposed;
    g.m = g.trans ? a.columns : a.rows;
    g.n = g.trans ? a.rows : a.columns;
    g.alpha = alpha.to<T>();
    g.a = reinterpret_cast<const T*>(a.data);
    g.lda = layout->leading;
    g.x = reinterpret_cast<const T*>(x.data);
    g.x_stride = x.stride;
    g.beta = beta.to<T>();
    g.y = reinterpret_cast<T*>(y.data);
    g.y_stride = y.stride;
    const WithoutGil guard(nanoseconds(4 * a.rows * a.columns));
    gemv(g);
  });
}

void dot(DType dtype, int64_t n, const Vector& x, const Vector& y, void* result) {
  if (is_half(dtype))
    return product("dot", dtype, Matrix{static_cast<char*>(result), 1, 1, 1, 1},
                   Matrix{x.data, 1, n, n, x.stride}, Matrix{y.data, n, 1, y.stride, 1}, 1, 0, nullptr, 1);
  const WithoutGil guard(n / 4);
  visit_floating(dtype, "dot", [&]<class T>() {
    *static_cast<T*>(result) =
        dot(n, reinterpret_cast<const T*>(x.data), x.stride, reinterpret_cast<const T*>(y.data), y.stride);
  });
}

}  // namespace flambeau::cpu
