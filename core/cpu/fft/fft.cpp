#include "core/cpu/fft/fft.h"

#include <algorithm>

#include "core/cpu/fft/plan.h"
#include "core/cpu/kernels.h"
#include "core/parallel/parallel.h"
#include "core/parallel/scratch.h"
#include "core/tensor/allocator.h"

namespace flambeau::cpu {
namespace {

// Which of a thread's scratch blocks serves what: they are in use at the same time.
enum Slot { kButterflies, kMatrix, kConvolution, kLineIn, kLineOut, kSpectrum };

// Working memory: a thread's own while it is small, so that much of it is not kept.
template <class T>
class Workspace {
 public:
  Workspace(Slot slot, int64_t count) {
    constexpr int64_t kMostKept = int64_t{4} << 20;
    const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
    if (bytes <= kMostKept)
      data_ = static_cast<T*>(thread_scratch(slot, static_cast<size_t>(bytes)));
    else
      data_ = (own_ = fft_array<T>(count)).get();
  }
  T* data() const { return data_; }

 private:
  FftArray<T> own_;
  T* data_;
};

template <class T>
const FftFunctions<T>& functions() {
  if constexpr (sizeof(T) == 4)
    return kernels().fft.f32;
  else
    return kernels().fft.f64;
}

// Points that are worth a thread of their own.
constexpr int64_t kGrain = 1 << 15;

// ---- one line

template <class T>
void transform_matrix(const FftMatrix<T>& f, const T* in, T* out, bool forward, T scale) {
  const FftFunctions<T>& run = functions<T>();
  const int64_t n1 = f.first->points, n2 = f.second->points, lanes = run.lanes;
  const int64_t column_blocks = (n2 + lanes - 1) / lanes, row_blocks = (n1 + lanes - 1) / lanes;
  const Workspace<T> temp(kMatrix, 2 * lanes * row_blocks * n2);
  T* const matrix = temp.data();
  parallel_for(0, column_blocks, kGrain / (n1 * lanes) + 1, [&](int64_t first, int64_t last) {
    const Workspace<T> scratch(kButterflies, 4 * lanes * n1);
    run.matrix_columns(f, in, forward, matrix, first, last, scratch.data());
  });
  parallel_for(0, row_blocks, kGrain / (n2 * lanes) + 1, [&](int64_t first, int64_t last) {
    const Workspace<T> scratch(kButterflies, 2 * lanes * n2);
    run.matrix_rows(f, matrix, out, forward, scale, first, last, scratch.data());
  });
}

template <class T>
void transform_by_convolution(const LinePlan<T>& plan, const T* in, T* out, bool forward, T scale) {
  const FftFunctions<T>& run = functions<T>();
  const int64_t n = plan.points, m = plan.convolution->points;
  const Workspace<T> padded(kConvolution, 2 * m);
  T* const a = padded.data();
  run.multiply(n, in, plan.chirp.get(), !forward, false, T(1), a);
  std::fill(a + 2 * n, a + 2 * m, T(0));
  transform_line(*plan.convolution, a, a, true, 1);
  run.multiply(m, a, plan.chirp_spectrum.get(), false, false, T(1), a);
  transform_line(*plan.convolution, a, a, false, 1);
  run.multiply(n, a, plan.chirp.get(), false, !forward, scale, out);
}

// ---- lines of every kind

template <class T>
struct Plans {
  std::shared_ptr<const ColumnsPlan<T>> columns;  // the lines run in groups
  std::shared_ptr<const LinePlan<T>> line;        // one by one: of all points, or of half of them
  std::shared_ptr<const RealRoots<T>> roots;      // real lines of an even length
};

// Where lines first to first + count - 1 start.
void line_offsets(const Dims& batch, const Dims& steps, int64_t first, int64_t count, int64_t* offsets) {
  const int inner = batch.count - 1;
  for (int64_t done = 0; done < count;) {
    int64_t start = 0, line = first + done;
    for (int d = inner; d >= 0; --d) {
      start += line % batch[d] * steps[d];
      line /= batch[d];
    }
    const int64_t here = inner < 0 ? 1 : std::min(count - done, batch[inner] - (first + done) % batch[inner]);
    for (int64_t i = 0; i < here; ++i) offsets[done + i] = start + (inner < 0 ? 0 : i * steps[inner]);
    done += here;
  }
}

// Whether all lines lie one behind the other.
bool are_dense(const FourierLines& l, const Dims& steps, int64_t stride) {
  int64_t step = l.points;
  for (int d = l.batch.count - 1; d >= 0; --d) {
    if (l.batch[d] != 1 && steps[d] != step) return false;
    step *= l.batch[d];
  }
  return stride == 1;
}

template <class T>
void run_groups(const FourierLines& l, const Plans<T>& plans, int64_t count, const T* in, T* out) {
  const FftFunctions<T>& run = functions<T>();
  const int64_t together = run.lanes * (l.kind == Fourier::Complex ? 1 : 2);
  const int64_t groups = (count + together - 1) / together, whole = count / together;
  const int64_t each = kGrain / (together * l.points) + 1;
  const bool dense = l.kind == Fourier::Complex && are_dense(l, l.in_steps, l.in_stride) &&
                     are_dense(l, l.out_steps, l.out_stride);
  const bool is_short = dense && run.short_lines(l.points, l.forward, T(1), 0, in, out);
  if (is_short)
    parallel_for(0, whole, each, [&](int64_t first, int64_t last) {
      const int64_t start = 2 * first * together * l.points;
      run.short_lines(l.points, l.forward, static_cast<T>(l.scale), last - first, in + start, out + start);
    });
  parallel_for(is_short ? whole : 0, groups, each, [&](int64_t first, int64_t last) {
    constexpr int kMostLines = 64;
    int64_t in_offsets[kMostLines], out_offsets[kMostLines];
    const Workspace<T> scratch(kButterflies, 6 * run.lanes * l.points);
    for (int64_t g = first; g < last; ++g) {
      const int64_t start = g * together, lines = std::min(together, count - start);
      line_offsets(l.batch, l.in_steps, start, lines, in_offsets);
      line_offsets(l.batch, l.out_steps, start, lines, out_offsets);
      run.group(plans.columns->columns,
                {l.kind, l.forward, l.scale, static_cast<int>(lines), in_offsets, out_offsets, l.in_stride,
                 l.out_stride},
                in, out, scratch.data());
    }
  });
}

// One line, contiguous on both sides.
template <class T>
void run_line(const FourierLines& l, const Plans<T>& plans, const T* in, T* out) {
  const FftFunctions<T>& run = functions<T>();
  const LinePlan<T>& plan = *plans.line;
  const int64_t n = l.points, half = n / 2;
  switch (l.kind) {
    case Fourier::Complex:
      return transform_line(plan, in, out, l.forward, l.scale);
    case Fourier::HalfToReal: {
      if (plans.roots) {
        const Workspace<T> merged(kSpectrum, 2 * half);
        run.real_merge(half, plans.roots->numbers.get(), l.forward, in, merged.data());
        return transform_line(plan, merged.data(), out, false, l.scale);
      }
      const Workspace<T> full(kSpectrum, 2 * n);
      T* const z = full.data();
      const T sign = l.forward ? T(-1) : T(1);
      z[0] = in[0];
      z[1] = 0;
      for (int64_t k = 1; k <= half; ++k) {
        z[2 * k] = z[2 * (n - k)] = in[2 * k];
        z[2 * k + 1] = sign * in[2 * k + 1];
        z[2 * (n - k) + 1] = -sign * in[2 * k + 1];
      }
      transform_line(plan, z, z, false, l.scale);
      for (int64_t k = 0; k < n; ++k) out[k] = z[2 * k];
      return;
    }
    default:
      break;
  }
  if (plans.roots) {
    transform_line(plan, in, out, true, l.scale);
    run.real_split(half, plans.roots->numbers.get(), l.forward, out);
  } else {
    const Workspace<T> full(kSpectrum, 2 * n);
    T* const z = full.data();
    for (int64_t k = 0; k < n; ++k) {
      z[2 * k] = in[k];
      z[2 * k + 1] = 0;
    }
    transform_line(plan, z, z, l.forward, l.scale);
    std::copy(z, z + 2 * (half + 1), out);
  }
  if (l.kind == Fourier::RealToFull)
    for (int64_t k = half + 1; k < n; ++k) {
      out[2 * k] = out[2 * (n - k)];
      out[2 * k + 1] = -out[2 * (n - k) + 1];
    }
}

template <class T>
void run_lines(const FourierLines& l, const Plans<T>& plans, int64_t count, const T* in, T* out) {
  const bool complex_in = l.kind == Fourier::Complex || l.kind == Fourier::HalfToReal;
  const bool complex_out = l.kind != Fourier::HalfToReal;
  const int64_t in_item = complex_in ? 2 : 1, out_item = complex_out ? 2 : 1;
  const int64_t half = l.points / 2 + 1;
  const int64_t in_points = l.kind == Fourier::HalfToReal ? half : l.points;
  const int64_t out_points = l.kind == Fourier::RealToHalf ? half : l.points;
  const bool gather = l.in_stride != 1, scatter = l.out_stride != 1;
  // Neighbouring lines share cache lines: some are fetched and written together where they are not
  // contiguous.
  const int64_t together =
      gather || scatter ? std::max<int64_t>(1, std::min<int64_t>(8, (1 << 19) / l.points)) : 1;
  const auto some = [&](int64_t first, int64_t last) {
    for (int64_t start = first; start < last; start += together) {
      const int64_t lines = std::min(together, last - start);
      const Workspace<T> from(kLineIn, gather ? lines * in_points * in_item : 0);
      const Workspace<T> to(kLineOut, scatter ? lines * out_points * out_item : 0);
      const auto copy_item = [](const T* source, T* target, int64_t item) {
        target[0] = source[0];
        if (item == 2) target[1] = source[1];
      };
      int64_t in_at[8], out_at[8];
      line_offsets(l.batch, l.in_steps, start, lines, in_at);
      line_offsets(l.batch, l.out_steps, start, lines, out_at);
      if (gather)
        for (int64_t p = 0; p < in_points; ++p)
          for (int64_t i = 0; i < lines; ++i)
            copy_item(in + (in_at[i] + p * l.in_stride) * in_item,
                      from.data() + (i * in_points + p) * in_item, in_item);
      for (int64_t i = 0; i < lines; ++i)
        run_line(l, plans, gather ? from.data() + i * in_points * in_item : in + in_at[i] * in_item,
                 scatter ? to.data() + i * out_points * out_item : out + out_at[i] * out_item);
      if (scatter)
        for (int64_t p = 0; p < out_points; ++p)
          for (int64_t i = 0; i < lines; ++i)
            copy_item(to.data() + (i * out_points + p) * out_item,
                      out + (out_at[i] + p * l.out_stride) * out_item, out_item);
    }
  };
  if (count >= num_threads())
    parallel_for(0, count, kGrain / l.points + 1, some);
  else
    some(0, count);
}

// The working memory of one line that is not gathered.
template <class T>
int64_t working_numbers(const LinePlan<T>& plan) {
  if (plan.convolution) return 2 * plan.convolution->points + working_numbers(*plan.convolution);
  return 2 * plan.points +
         2 * functions<T>().lanes * (plan.second ? plan.second->columns.points : plan.points);
}

template <class T>
bool in_groups(const FourierLines& l, int64_t count) {
  if (!is_smooth(l.points)) return false;
  constexpr int64_t kShort = 128, kAlone = 64, kMostBytes = int64_t{3} << 18;
  const int64_t lanes = functions<T>().lanes;
  if (l.points < kAlone) return true;
  if (l.in_stride == 1 && l.out_stride == 1) return l.points <= kShort && 2 * count >= lanes;
  return 4 * count >= lanes && 6 * lanes * l.points * static_cast<int64_t>(sizeof(T)) <= kMostBytes;
}

template <class T>
void run_all(const FourierLines& l, const T* in, T* out) {
  int64_t count = 1;
  for (const int64_t size : l.batch) count *= size;
  if (count == 0) return;
  Plans<T> plans;
  if (in_groups<T>(l, count)) {
    plans.columns = columns_plan<T>(l.points);
    return run_groups(l, plans, count, in, out);
  }
  const bool halved = l.kind != Fourier::Complex && l.points % 2 == 0;
  plans.line = line_plan<T>(halved ? l.points / 2 : l.points);
  if (halved) plans.roots = real_roots<T>(l.points / 2);
  const int64_t numbers = 2 * l.points + working_numbers(*plans.line);
  check_memory_left(static_cast<size_t>(std::min<int64_t>(count, num_threads()) * numbers) * sizeof(T));
  run_lines(l, plans, count, in, out);
}

}  // namespace

template <class T>
void transform_line(const LinePlan<T>& plan, const T* in, T* out, bool forward, double scale) {
  if (plan.convolution)
    transform_by_convolution(plan, in, out, forward, static_cast<T>(scale));
  else if (plan.second)
    transform_matrix(plan.matrix, in, out, forward, static_cast<T>(scale));
  else {
    const FftFunctions<T>& run = functions<T>();
    const Workspace<T> scratch(kButterflies, 6 * run.lanes * plan.points);
    const int64_t start = 0;
    run.group(plan.first->columns, {Fourier::Complex, forward, scale, 1, &start, &start, 1, 1}, in, out,
              scratch.data());
  }
}
template void transform_line(const LinePlan<float>&, const float*, float*, bool, double);
template void transform_line(const LinePlan<double>&, const double*, double*, bool, double);

void fourier(DType real, const FourierLines& lines, const void* in, void* out) {
  if (real == DType::Float32)
    run_all(lines, static_cast<const float*>(in), static_cast<float*>(out));
  else
    run_all(lines, static_cast<const double*>(in), static_cast<double*>(out));
}

}  // namespace flambeau::cpu
