#include "core/tensor/device.h"

namespace flambeau {

thread_local Device::Type current_device = Device::Type::Cpu;
thread_local Device::Type default_device = Device::Type::Cpu;
const DeviceMemory* device_memory[kDeviceTypes] = {};

const char* name(Device::Type type) {
  constexpr const char* names[kDeviceTypes] = {
      "cpu",  "cuda", "meta", "ipu",  "xpu",    "mkldnn", "opengl", "opencl", "ideep",         "hip", "ve",
      "fpga", "maia", "xla",  "lazy", "vulkan", "mps",    "hpu",    "mtia",   "privateuseone", "cpu"};
  return names[static_cast<int>(type)];
}

}  // namespace flambeau
