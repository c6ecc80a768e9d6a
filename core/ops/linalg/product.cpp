#include "core/ops/linalg/product.h"

namespace flambeau {

Matrix matrix_of(const Tensor& t) {
  return {t->data, t->sizes[0], t->sizes[1], t->strides[0], t->strides[1], 0};
}
Matrix batch_of(const Tensor& t) {
  return {t->data, t->sizes[1], t->sizes[2], t->strides[1], t->strides[2], t->strides[0]};
}

void product(const char* name, DType dtype, const Matrix& c, const Matrix& a, const Matrix& b,
             const Scalar& alpha, const Scalar& beta, const void* bias, int64_t batch) {
  backend::current().matrix_product(name, dtype, c, a, b, alpha, beta, bias, batch);
}

void product(const char* name, DType dtype, const Vector& y, const Matrix& a, const Vector& x,
             const Scalar& alpha, const Scalar& beta) {
  backend::current().matrix_vector_product(name, dtype, y, a, x, alpha, beta);
}

}  // namespace flambeau
