// The three transforms that everything else in this family is made of.
#pragma once
#include "core/ops/operators.h"

namespace flambeau {

// Complex to complex along `dims`, which are distinct and not negative; the result is multiplied by `scale`.
Tensor fourier_complex(const Tensor& self, const Dims& dims, double scale, bool forward);
// Real to complex along the last of `dims`, where the result has the first points / 2 + 1 items of the
// spectrum (`full`: all), then complex to complex along the others.
Tensor fourier_real(const Tensor& self, const Dims& dims, double scale, bool forward, bool full);
// Back: complex to complex along all but the last of `dims`, then to `points` real numbers along it.
Tensor fourier_to_real(const Tensor& self, const Dims& dims, double scale, bool forward, int64_t points);

}  // namespace flambeau
