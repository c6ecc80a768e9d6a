#include "core/tensor/dims.h"

#include <algorithm>

#include "core/tensor/allocator.h"
#include "core/tensor/error.h"

namespace flambeau {

void Dims::refuse(int n) {
  fail<RuntimeError>("a tensor can have at most ", kMaxDims, " dimensions, but ", n,
                     " or more were asked for");
}
void Dims::make_block() {
  auto* block = static_cast<int64_t*>(SmallPool::take(kMaxDims * sizeof(int64_t)));
  std::copy(few_, few_ + count, block);
  values = block;
}
void Dims::free_block() noexcept {
  SmallPool::give(values, kMaxDims * sizeof(int64_t));
  values = few_;
}
void Dims::copy_many(const Dims& other) {
  resize(other.count);
  std::copy(other.begin(), other.end(), values);
}
void Dims::insert(int at, int64_t value) {
  resize(count + 1);
  std::copy_backward(values + at, values + count - 1, values + count);
  values[at] = value;
}
void Dims::erase(int at) {
  std::copy(values + at + 1, values + count, values + at);
  resize(count - 1);
}

std::string to_string(IntList list) {
  std::string text = "[";
  for (size_t i = 0; i < list.size(); ++i) text += (i ? ", " : "") + std::to_string(list[i]);
  return text + "]";
}
std::ostream& operator<<(std::ostream& stream, const Dims& dims) { return stream << to_string(dims); }

int64_t checked_numel(IntList sizes) {
  int64_t numel = 1;
  bool overflow = false, empty = false;
  for (int64_t size : sizes) {
    if (size < 0)
      fail<RuntimeError>("Trying to create tensor with negative dimension ", size, ": ", to_string(sizes));
    empty |= size == 0;
    overflow |= __builtin_mul_overflow(numel, size, &numel);
  }
  if (empty) return 0;
  // The widest element takes 16 bytes: the byte count must not overflow either.
  if (overflow || numel > (INT64_MAX >> 4))
    fail<RuntimeError>("Storage size calculation overflowed with sizes=", to_string(sizes),
                       "; no tensor can have that many elements");
  return numel;
}

Dims contiguous_strides(const Dims& sizes) {
  Dims strides;
  strides.resize(sizes.count);
  int64_t step = 1;
  for (int i = sizes.count - 1; i >= 0; --i) {
    strides[i] = step;
    step = wrapping_mul(step, std::max<int64_t>(sizes[i], 1));
  }
  return strides;
}

bool is_contiguous(const Dims& sizes, const Dims& strides) {
  int64_t step = 1;
  for (int i = 0; i < sizes.count; ++i)
    if (sizes[i] == 0) return true;
  for (int i = sizes.count - 1; i >= 0; --i) {
    if (sizes[i] == 1) continue;
    if (strides[i] != step) return false;
    step *= sizes[i];
  }
  return true;
}

namespace {
// Dimensions longer than one, by rising stride.
int by_stride(const Dims& sizes, const Dims& strides, int* order) {
  int n = 0;
  for (int i = 0; i < sizes.count; ++i)
    if (sizes[i] != 1) order[n++] = i;
  std::sort(order, order + n, [&](int a, int b) { return strides[a] < strides[b]; });
  return n;
}
}  // namespace

bool is_dense(const Dims& sizes, const Dims& strides) {
  int order[kMaxDims];
  int n = by_stride(sizes, strides, order);
  int64_t step = 1;
  for (int k = 0; k < n; ++k) {
    if (sizes[order[k]] == 0) return true;
    if (strides[order[k]] != step) return false;
    step *= sizes[order[k]];
  }
  return true;
}

bool may_overlap(const Dims& sizes, const Dims& strides) {
  int order[kMaxDims];
  int n = by_stride(sizes, strides, order);
  int64_t reach = 0;  // the last address used by the dimensions so far
  for (int k = 0; k < n; ++k) {
    if (sizes[order[k]] == 0) return false;
    if (strides[order[k]] <= reach) return true;
    reach += strides[order[k]] * (sizes[order[k]] - 1);
  }
  return false;
}

Dims broadcast_sizes(const Dims& a, const Dims& b) {
  Dims result;
  result.resize(std::max<int>(a.count, b.count));
  for (int i = 1; i <= result.count; ++i) {
    int64_t x = i <= a.count ? a[a.count - i] : 1, y = i <= b.count ? b[b.count - i] : 1;
    if (x != y && x != 1 && y != 1)
      fail<RuntimeError>("The size of tensor a (", x, ") must match the size of tensor b (", y,
                         ") at non-singleton dimension ", result.count - i, "; the shapes are ", a, " and ",
                         b);
    result[result.count - i] = x == 1 ? y : x;
  }
  return result;
}

int64_t wrap_dim(int64_t dim, int dims) {
  int64_t n = std::max(dims, 1);
  if (dim < -n || dim >= n)
    fail<IndexError>("Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ",
                     dim, ")");
  return dim < 0 ? dim + n : dim;
}

bool view_strides(const Dims& sizes, const Dims& strides, const Dims& new_sizes, Dims& new_strides) {
  new_strides.resize(new_sizes.count);
  bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  if (empty) {
    new_strides = new_sizes == sizes ? strides : contiguous_strides(new_sizes);
    return true;
  }
  // Walk both shapes from the back; a run of old dimensions that is one stretch of memory may be cut anew.
  int next = new_sizes.count - 1;
  int64_t stretch = 1, filled = 1, base = sizes.count ? strides.back() : 1;
  for (int i = sizes.count - 1; i >= 0; --i) {
    stretch *= sizes[i];
    bool ends = i == 0 || (sizes[i - 1] != 1 && strides[i - 1] != stretch * base);
    if (!ends) continue;
    while (next >= 0 && (filled < stretch || new_sizes[next] == 1)) {
      new_strides[next] = filled * base;
      filled *= new_sizes[next--];
    }
    if (filled != stretch) return false;
    if (i > 0) {
      base = strides[i - 1];
      stretch = filled = 1;
    }
  }
  for (; next >= 0; --next) new_strides[next] = 1;  // a 0-d tensor seen with dimensions of one
  return true;
}

Dims infer_size(IntList wanted, int64_t numel) {
  Dims result{wanted};
  int inferred = -1;
  int64_t product = 1;
  for (int i = 0; i < result.count; ++i) {
    if (result[i] == -1) {
      if (inferred >= 0) fail<RuntimeError>("only one dimension can be inferred, but the shape is ", result);
      inferred = i;
    } else if (result[i] < 0) {
      fail<RuntimeError>("invalid shape dimension ", result[i], " at index ", i, " of shape ", result);
    } else if (__builtin_mul_overflow(product, result[i], &product)) {
      fail<RuntimeError>("shape '", result, "' is invalid for input of size ", numel);
    }
  }
  if (inferred >= 0) {
    if (product == 0 && numel == 0)
      fail<RuntimeError>("cannot reshape tensor of 0 elements into shape ", result,
                         " because the unspecified dimension size -1 can be any value and is ambiguous");
    if (product != 0 && numel % product == 0) {
      result[inferred] = numel / product;
      return result;
    }
  }
  if (inferred >= 0 || product != numel)
    fail<RuntimeError>("shape '", result, "' is invalid for input of size ", numel);
  return result;
}

}  // namespace flambeau
