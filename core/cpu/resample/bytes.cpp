// Resampling of bytes in integers, as Pillow does it.
#include <algorithm>
#include <vector>

#include "core/cpu/resample/resample.h"
#include "core/parallel/parallel.h"

namespace flambeau::cpu {
namespace {

// A map's weights in units of 2^-precision, as large as 16 bits allow.
struct IntegerWeights {
  std::vector<int32_t> weight;
  int precision = 0;

  explicit IntegerWeights(const AxisMap& m) {
    const double* from = static_cast<const double*>(m.weight);
    const size_t n = static_cast<size_t>(m.taps * m.output);
    const double largest = n ? *std::max_element(from, from + n) : 0;
    while (precision < 22 && static_cast<int>(0.5 + largest * (1 << (precision + 1))) < 1 << 15) ++precision;
    for (size_t i = 0; i < n; ++i) {
      const double scaled = from[i] * (1 << precision);
      weight.push_back(static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
    }
  }
};

void map_axis(const AxisMap& m, const IntegerWeights& w, int64_t outer, int64_t inner, const uint8_t* in,
              uint8_t* out) {
  const int32_t half = w.precision ? 1 << (w.precision - 1) : 0;
  for (int64_t i = 0; i < outer; ++i, in += m.input * inner)
    for (int64_t o = 0; o < m.output; ++o, out += inner)
      for (int64_t c = 0; c < inner; ++c) {
        int32_t sum = half;
        for (int64_t k = 0; k < m.count[o]; ++k)
          sum += w.weight[static_cast<size_t>(k * m.output + o)] * in[m.index[k * m.output + o] * inner + c];
        out[c] = static_cast<uint8_t>(std::clamp(sum >> w.precision, 0, 255));
      }
}

}  // namespace

void resample_bytes(const Resampling& r, const uint8_t* input, uint8_t* output) {
  int64_t in = 1, out = 1;
  for (const AxisMap& m : r.axes) in *= m.input, out *= m.output;
  const IntegerWeights weights[kImageAxes] = {IntegerWeights(r.axes[0]), IntegerWeights(r.axes[1]),
                                              IntegerWeights(r.axes[2])};
  parallel_for(0, r.planes, (1 << 13) / (in + out + 1) + 1, [&](int64_t first, int64_t last) {
    std::vector<uint8_t> from, to;
    for (int64_t plane = first; plane < last; ++plane) {
      from.assign(input + plane * in, input + (plane + 1) * in);
      int64_t sizes[kImageAxes] = {r.axes[0].input, r.axes[1].input, r.axes[2].input};
      for (int d = kImageAxes - 1; d >= 0; --d) {
        const AxisMap& m = r.axes[d];
        if (m.taps == 0) continue;
        int64_t outer = 1, inner = 1;
        for (int e = 0; e < kImageAxes; ++e) (e < d ? outer : inner) *= e == d ? 1 : sizes[e];
        sizes[d] = m.output;
        to.resize(static_cast<size_t>(outer * m.output * inner));
        map_axis(m, weights[d], outer, inner, from.data(), to.data());
        from.swap(to);
      }
      std::copy(from.begin(), from.end(), output + plane * out);
    }
  });
}

}  // namespace flambeau::cpu
