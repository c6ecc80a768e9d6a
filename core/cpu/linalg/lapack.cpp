#include "core/cpu/linalg/lapack.h"

#include <string>

#include "core/cpu/linalg/blas.h"
#include "core/tensor/error.h"

namespace flambeau::cpu {
namespace {

template <class T>
constexpr char prefix = 0;
template <>
constexpr char prefix<float> = 's';
template <>
constexpr char prefix<double> = 'd';
template <>
constexpr char prefix<Complex<float>> = 'c';
template <>
constexpr char prefix<Complex<double>> = 'z';

template <class T>
LapackTable<T> load() {
  if (!blas::ensure_loaded())
    fail<RuntimeError>(
        "linear algebra beyond products needs LAPACK, which scipy-openblas64 brings; it could "
        "not be opened: ",
        *blas::error() ? blas::error() : "no such package is installed");
  LapackTable<T> table{};
  const auto find = [](auto& function, const char* real_name, const char* complex_name = nullptr) {
    const char* const base = math::is_complex_type<T> && complex_name ? complex_name : real_name;
    const std::string name = prefix<T> + std::string(base);
    void* const found = blas::symbol(name.c_str());
    check(found != nullptr, "the OpenBLAS that was opened has no routine '", name, "'");
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
  };
  find(table.potrf, "potrf");
  find(table.potri, "potri");
  find(table.potrs, "potrs");
  find(table.getrf, "getrf");
  find(table.getri, "getri");
  find(table.getrs, "getrs");
  find(table.trsm, "trsm");
  find(table.gemm, "gemm");
  find(table.laswp, "laswp");
  find(table.sytrf, "sytrf");
  find(table.hetrf, "sytrf", "hetrf");
  find(table.sytrs, "sytrs");
  find(table.hetrs, "sytrs", "hetrs");
  find(table.geqrf, "geqrf");
  find(table.larft, "larft");
  find(table.larfb, "larfb");
  find(table.orgqr, "orgqr", "ungqr");
  find(table.ormqr, "ormqr", "unmqr");
  find(table.gesdd, "gesdd");
  find(table.syevd, "syevd", "heevd");
  find(table.sytrd, "sytrd", "hetrd");
  find(table.stedc, "stedc");
  find(table.ormtr, "ormtr", "unmtr");
  find(table.geev, "geev");
  find(table.gels, "gels");
  find(table.gelsy, "gelsy");
  find(table.gelsd, "gelsd");
  find(table.gelss, "gelss");
  return table;
}

}  // namespace

template <class T>
const LapackTable<T>& lapack() {
  static const LapackTable<T> table = load<T>();
  return table;
}
template const LapackTable<float>& lapack();
template const LapackTable<double>& lapack();
template const LapackTable<Complex<float>>& lapack();
template const LapackTable<Complex<double>>& lapack();

}  // namespace flambeau::cpu
