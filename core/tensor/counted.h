// Intrusive reference counts that move into the Python object once there is one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

namespace flambeau {

// What the core needs of the interpreter; core/python fills it in, nothing below knows Python.
struct PythonBridge {
  void (*incref)(void* object) noexcept = nullptr;
  void (*decref)(void* object) noexcept = nullptr;
  void* (*release_gil)() = nullptr;
  void (*acquire_gil)(void* state) = nullptr;
};
extern PythonBridge python_bridge;

// Bit 0 set: a count in bits 1 and up. Bit 0 clear: the address of the Python object, which then holds the
// count. Not atomic: handles are copied only with the GIL held; kernels running without it see raw pointers.
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  void incref() const noexcept {
    if (state_ & 1) [[likely]]
      state_ += 2;
    else
      python_bridge.incref(reinterpret_cast<void*>(state_));
  }
  // True if that was the last reference and the caller has to destroy the object.
  [[nodiscard]] bool decref() const noexcept {
    if (state_ & 1) [[likely]] {
      state_ -= 2;
      return state_ == 1;
    }
    python_bridge.decref(reinterpret_cast<void*>(state_));
    return false;
  }
  void* python_object() const noexcept { return state_ & 1 ? nullptr : reinterpret_cast<void*>(state_); }
  // References held by C++ while there is no Python object; 0 once there is one.
  size_t owners() const noexcept { return state_ & 1 ? state_ >> 1 : 0; }
  // From now on `object` holds the count; the caller has moved the present references there.
  void give_to_python(void* object) const noexcept { state_ = reinterpret_cast<uintptr_t>(object); }
  // The Python object is gone and with it every reference.
  void take_from_python() const noexcept { state_ = 1; }

 private:
  mutable uintptr_t state_ = 1;  // no reference yet
};

template <class T>
void destroy(T* object) noexcept;  // each counted type says how

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) noexcept : object_(object) {
    if (object_) object_->incref();
  }
  Ref(const Ref& other) noexcept : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ~Ref() {
    if (object_ && object_->decref()) destroy(object_);
  }
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  T* get() const { return object_; }
  [[nodiscard]] T* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }
  // A reference that is already counted becomes this handle's.
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }

 private:
  T* object_ = nullptr;
};

}  // namespace flambeau
