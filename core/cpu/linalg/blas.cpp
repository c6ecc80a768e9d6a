#include "core/cpu/linalg/blas.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

namespace flambeau::blas {
namespace {

using Int = int64_t;

// CBLAS's constants.
constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;

template <class T>
using CblasGemm = void (*)(int order, int trans_a, int trans_b, Int m, Int n, Int k, T alpha, const T* a,
                           Int lda, const T* b, Int ldb, T beta, T* c, Int ldc);

// Complex numbers go by address.
using CblasComplexGemm = void (*)(int order, int trans_a, int trans_b, Int m, Int n, Int k, const void* alpha,
                                  const void* a, Int lda, const void* b, Int ldb, const void* beta, void* c,
                                  Int ldc);

struct Library {
  std::mutex mutex;
  std::string path;  // where ensure_loaded looks
  std::string error;
  void* handle = nullptr;
  bool tried = false;
  CblasGemm<float> sgemm = nullptr;
  CblasGemm<double> dgemm = nullptr;
  CblasComplexGemm cgemm = nullptr, zgemm = nullptr;
};

Library& library() {
  static Library* const instance = new Library;  // never destroyed: worker threads may outlive static objects
  return *instance;
}

// Sets an environment variable for as long as it lives.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char* name, const char* value, bool keep_users_choice) : name_(name) {
    const char* old = std::getenv(name);
    if (old && keep_users_choice) return;
    if (old) old_ = old;
    changed_ = true;
    setenv(name, value, 1);
  }
  ~ScopedEnvironment() {
    if (!changed_) return;
    if (old_)
      setenv(name_, old_->c_str(), 1);
    else
      unsetenv(name_);
  }
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
  bool changed_ = false;
};

bool amd_with_avx512() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_is("amd") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

// The wheel decorates Fortran names as scipy_dgesdd_64_ and CBLAS names as scipy_cblas_dgemm64_.
void* find(void* handle, const std::string& name) {
  for (const char* suffix : {"_64_", "64_"})
    if (void* found = dlsym(handle, ("scipy_" + name + suffix).c_str())) return found;
  return nullptr;
}

template <class Function>
bool resolve(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(find(handle, name));
  return function != nullptr;
}

// The caller holds the mutex.
bool open(Library& lib, const std::string& path) {
  lib.tried = true;
  void* handle;
  {
    const ScopedEnvironment threads("OPENBLAS_NUM_THREADS", "1", false);
    // Measured on Zen 5: as SkylakeX it is twice as fast as with the AVX2 kernels that OpenBLAS picks for
    // AMD.
    std::optional<ScopedEnvironment> core_type;
    if (amd_with_avx512()) core_type.emplace("OPENBLAS_CORETYPE", "SkylakeX", true);
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (!handle) {
    const char* reason = dlerror();
    lib.error = reason ? reason : "dlopen failed";
    return false;
  }
  if (!resolve(handle, "cblas_sgemm", lib.sgemm) || !resolve(handle, "cblas_dgemm", lib.dgemm) ||
      !resolve(handle, "cblas_cgemm", lib.cgemm) || !resolve(handle, "cblas_zgemm", lib.zgemm)) {
    lib.error = path + " has no scipy_cblas_sgemm64_: it is not scipy-openblas64";
    dlclose(handle);
    return false;
  }
  lib.error.clear();
  __atomic_store_n(&lib.handle, handle, __ATOMIC_RELEASE);
  return true;
}

const char* text_of(const char* function) {
  using Text = const char* (*)();
  Text text = nullptr;
  return loaded() && resolve(library().handle, function, text) ? text() : "";
}

int transposed(bool flag) { return flag ? kTrans : kNoTrans; }

}  // namespace

void set_library_path(const char* path) {
  Library& lib = library();
  const std::lock_guard lock(lib.mutex);
  lib.path = path;
  lib.tried = false;
}

bool load(const char* library_path) {
  Library& lib = library();
  const std::lock_guard lock(lib.mutex);
  return lib.handle || open(lib, library_path);
}

bool ensure_loaded() {
  if (loaded()) [[likely]]
    return true;
  Library& lib = library();
  const std::lock_guard lock(lib.mutex);
  if (lib.handle) return true;
  if (lib.tried || lib.path.empty()) return false;
  return open(lib, lib.path);
}

bool loaded() { return __atomic_load_n(&library().handle, __ATOMIC_ACQUIRE) != nullptr; }

const char* error() { return library().error.c_str(); }
const char* config() { return text_of("openblas_get_config"); }
const char* core_name() { return text_of("openblas_get_corename"); }

void* symbol(const char* name) { return ensure_loaded() ? find(library().handle, name) : nullptr; }

void sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
           int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  library().sgemm(kRowMajor, transposed(trans_a), transposed(trans_b), m, n, k, alpha, a, lda, b, ldb, beta,
                  c, ldc);
}
void dgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, double alpha, const double* a,
           int64_t lda, const double* b, int64_t ldb, double beta, double* c, int64_t ldc) {
  library().dgemm(kRowMajor, transposed(trans_a), transposed(trans_b), m, n, k, alpha, a, lda, b, ldb, beta,
                  c, ldc);
}
void cgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, Complex<float> alpha,
           const Complex<float>* a, int64_t lda, const Complex<float>* b, int64_t ldb, Complex<float> beta,
           Complex<float>* c, int64_t ldc) {
  library().cgemm(kRowMajor, transposed(trans_a), transposed(trans_b), m, n, k, &alpha, a, lda, b, ldb, &beta,
                  c, ldc);
}
void zgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, Complex<double> alpha,
           const Complex<double>* a, int64_t lda, const Complex<double>* b, int64_t ldb, Complex<double> beta,
           Complex<double>* c, int64_t ldc) {
  library().zgemm(kRowMajor, transposed(trans_a), transposed(trans_b), m, n, k, &alpha, a, lda, b, ldb, &beta,
                  c, ldc);
}

}  // namespace flambeau::blas
