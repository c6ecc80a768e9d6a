// Devices: where memory lies, and where the results of the call that is running are made.
#pragma once
#include <cstddef>
#include <cstdint>

namespace flambeau {

struct Device {
  // Those after Meta can be named, as in PyTorch, and hold nothing; the last is no place, but a layout: a
  // sparse tensor, whose elements lie in two tensors of the CPU that its Python object holds
  // (flambeau/sparse). It has sizes and no memory of its own, and no operator of the core takes it.
  enum class Type : uint8_t {
    Cpu,
    Cuda,
    Meta,
    Ipu,
    Xpu,
    Mkldnn,
    OpenGl,
    OpenCl,
    Ideep,
    Hip,
    Ve,
    Fpga,
    Maia,
    Xla,
    Lazy,
    Vulkan,
    Mps,
    Hpu,
    Mtia,
    PrivateUseOne,
    SparseCpu
  };
  Type type;
  int index;  // -1: the current one
};
inline constexpr int kDeviceTypes = 21;
const char* name(Device::Type type);  // "cpu", "cuda" ...

// The device of the operands of the running call: its results and temporaries are made there, and
// backend::current() is that device's row. The binder sets it for a call from Python, the engine for a node.
extern constinit thread_local Device::Type current_device;
// Where tensors that come from no other tensor are made; `with torch.device(...)` sets it.
extern constinit thread_local Device::Type default_device;

class DeviceScope {
 public:
  explicit DeviceScope(Device::Type device) : previous_(current_device) { current_device = device; }
  ~DeviceScope() { current_device = previous_; }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device::Type previous_;
};

// Where the results of operations on it lie.
constexpr Device::Type place_of(Device::Type device) {
  return device == Device::Type::SparseCpu ? Device::Type::Cpu : device;
}

// Whether the host may read and write the device's memory by its address.
constexpr bool host_readable(Device::Type device) { return device == Device::Type::Cpu; }

// What the tensor layer asks of a device whose memory the host cannot touch; core/backend fills it in.
struct DeviceMemory {
  void* (*allocate)(size_t bytes) = nullptr;
  void (*deallocate)(void* block, size_t bytes) noexcept = nullptr;
  void (*zero)(void* block, size_t bytes) = nullptr;
  void (*upload)(void* to, const void* from_host, size_t bytes) = nullptr;
};
extern const DeviceMemory* device_memory[kDeviceTypes];  // null: no such device in this build

}  // namespace flambeau
