#include "core/ops/fft/transforms.h"

#include <algorithm>

#include "core/backend/backend.h"
#include "core/ops/pointwise/pointwise.h"
#include "core/tensor/alignment.h"
#include "core/tensor/gil.h"

namespace flambeau {
namespace {

using backend::Fourier;

// The last dimension transformed first, and the dimensions of the result from the outermost to the innermost.
// PyTorch's order: first what is not transformed, by falling stride, then what is.
struct Plan {
  Dims dims, order;
};

void sort_by_stride(int64_t* first, int64_t* last, const Dims& strides) {
  std::stable_sort(first, last, [&](int64_t a, int64_t b) {
    return strides[static_cast<int>(a)] > strides[static_cast<int>(b)];
  });
}

Plan plan_for(const Tensor& self, const Dims& dims, bool keep_last) {
  Plan plan{dims, {}};
  sort_by_stride(plan.dims.begin(), plan.dims.end() - (keep_last ? 1 : 0), self.strides());
  for (int64_t d = 0; d < self.dim(); ++d)
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) plan.order.push_back(d);
  sort_by_stride(plan.order.begin(), plan.order.end(), self.strides());
  for (const int64_t d : plan.dims) plan.order.push_back(d);
  return plan;
}

Tensor empty_in_order(const Dims& sizes, const Dims& order, DType dtype) {
  Dims strides;
  strides.resize(sizes.count);
  int64_t stride = 1;
  for (int i = order.count - 1; i >= 0; --i) {
    const int d = static_cast<int>(order[i]);
    strides[d] = stride;
    stride = wrapping_mul(stride, std::max<int64_t>(sizes[d], 1));
  }
  return empty_strided(sizes, strides, dtype);
}

int64_t nanoseconds(const Tensor& x) { return 8 * x.numel(); }

// The lines of `in` along `dim`, to those of `out`.
void transform_dim(Fourier kind, const Tensor& in, const Tensor& out, int64_t dim, const Dims& order,
                   int64_t points, double scale, bool forward) {
  if (out.numel() == 0) return;
  const int along = static_cast<int>(dim);
  backend::FourierLines lines{kind, forward, scale, points, in.strides()[along], out.strides()[along],
                              {},   {},      {}};
  for (const int64_t d : order) {
    const int i = static_cast<int>(d);
    const int64_t size = in.sizes()[i], in_step = in.strides()[i], out_step = out.strides()[i];
    if (i == along || size == 1) continue;
    const int last = lines.batch.count - 1;
    if (last >= 0 && lines.in_steps[last] == size * in_step && lines.out_steps[last] == size * out_step) {
      lines.batch[last] *= size;
      lines.in_steps[last] = in_step;
      lines.out_steps[last] = out_step;
    } else {
      lines.batch.push_back(size);
      lines.in_steps.push_back(in_step);
      lines.out_steps.push_back(out_step);
    }
  }
  const WithoutGil guard(nanoseconds(out));
  backend::current().fourier(real_of(in.dtype()), lines, in->data, out->data);
}

Tensor readable(const Tensor& self) {
  return is_aligned(self->data, real_of(self.dtype())) ? self : contiguous_copy(self);
}

Tensor raw_complex(const Tensor& input, const Dims& dims, double scale, bool forward) {
  const Tensor self = readable(input);
  const Plan plan = plan_for(self, dims, false);
  const Tensor result = empty_in_order(self.sizes(), plan.order, self.dtype());
  for (int i = dims.count - 1; i >= 0; --i) {
    const bool first = i == dims.count - 1;
    const int64_t dim = plan.dims[i];
    transform_dim(Fourier::Complex, first ? self : result, result, dim, plan.order,
                  self.sizes()[static_cast<int>(dim)], first ? scale : 1, forward);
  }
  return result;
}

Tensor raw_real(const Tensor& input, const Dims& dims, double scale, bool forward, bool full) {
  const Tensor self = readable(input);
  const Plan plan = plan_for(self, dims, true);
  const int last = static_cast<int>(plan.dims.back());
  const int64_t points = self.sizes()[last];
  Dims sizes = self.sizes();
  if (!full) sizes[last] = points / 2 + 1;
  const Tensor result = empty_in_order(sizes, plan.order, complex_of(self.dtype()));
  transform_dim(full ? Fourier::RealToFull : Fourier::RealToHalf, self, result, last, plan.order, points,
                scale, forward);
  for (int i = dims.count - 2; i >= 0; --i)
    transform_dim(Fourier::Complex, result, result, plan.dims[i], plan.order,
                  sizes[static_cast<int>(plan.dims[i])], 1, forward);
  return result;
}

Tensor raw_to_real(const Tensor& input, const Dims& dims, double scale, bool forward, int64_t points) {
  const Dims last = {dims.back()};
  const Tensor self =
      readable(dims.count > 1 ? raw_complex(input, dims.without(dims.count - 1), 1, forward) : input);
  const Plan plan = plan_for(self, last, true);
  Dims sizes = self.sizes();
  sizes[static_cast<int>(last[0])] = points;
  const Tensor result = empty_in_order(sizes, plan.order, real_of(self.dtype()));
  transform_dim(Fourier::HalfToReal, self, result, last[0], plan.order, points, scale, forward);
  return result;
}

// A half spectrum times a number where its items stand for two of the whole spectrum's: not the first one,
// nor the middle one of an even number of points.
Tensor weighted(const Tensor& half, int64_t dim, int64_t points, double weight) {
  const int64_t pairs = (points - 1) / 2;
  if (pairs == 0) return half;
  Tensor weights = zeros({half.sizes()[static_cast<int>(dim)]}, real_of(half.dtype()));
  fill_raw(weights, Scalar(1.0));
  fill_raw(narrow(weights, 0, 1, pairs), Scalar(weight));
  Dims shape;
  shape.resize(half.dim() - static_cast<int>(dim), 1);
  shape[0] = weights.numel();
  return mul(half, view(weights, shape));
}

}  // namespace

Tensor fourier_complex(const Tensor& self, const Dims& dims, double scale, bool forward) {
  return differentiable(
      "FftC2CBackward0", {}, [&] { return raw_complex(self, dims, scale, forward); },
      wrt(self, [=](const Tensor& grad) { return fourier_complex(grad, dims, scale, !forward); }));
}

Tensor fourier_real(const Tensor& self, const Dims& dims, double scale, bool forward, bool full) {
  const int64_t points = self.sizes()[static_cast<int>(dims.back())];
  return differentiable(
      "FftR2CBackward0", {}, [&] { return raw_real(self, dims, scale, forward, full); },
      wrt(self, [=](const Tensor& grad) {
        if (full) return real(fourier_complex(grad, dims, scale, !forward));
        const Tensor spectrum = weighted(grad, dims.back(), points, 0.5);
        return fourier_to_real(spectrum, dims, scale, !forward, points);
      }));
}

Tensor fourier_to_real(const Tensor& self, const Dims& dims, double scale, bool forward, int64_t points) {
  return differentiable(
      "FftC2RBackward0", {}, [&] { return raw_to_real(self, dims, scale, forward, points); },
      wrt(self, [=](const Tensor& grad) {
        return weighted(fourier_real(grad, dims, scale, !forward, false), dims.back(), points, 2);
      }));
}

}  // namespace flambeau
