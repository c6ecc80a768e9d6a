#include "core/python/autocast.h"

#include <unordered_map>

#include "core/ops/operators.h"
#include "core/python/arguments.h"

namespace flambeau::python {

constinit uint8_t autocast_mark = 0;

namespace {

// float16 is what accelerators have; it stands for every device but those below.
struct AutocastState {
  bool enabled[kDeviceTypes] = {};
  DType dtypes[kDeviceTypes] = {};
  bool asked[kDeviceTypes] = {};  // whether the dtype was set
  bool keeps_casts = true;
  int64_t nesting = 0;
};
constinit thread_local AutocastState state;
int threads_with_autocast = 0;  // on the CPU
constexpr int kCpu = static_cast<int>(Device::Type::Cpu);

DType lower_precision(Device::Type device) {
  const int type = static_cast<int>(device);
  if (state.asked[type]) return state.dtypes[type];
  const bool brain =
      device == Device::Type::Cpu || device == Device::Type::Hpu || device == Device::Type::Xla;
  return brain ? DType::BFloat16 : DType::Float16;
}

void enable(Device::Type device, bool enabled) {
  const bool before = std::exchange(state.enabled[static_cast<int>(device)], enabled);
  if (device != Device::Type::Cpu) return;
  threads_with_autocast += enabled - before;
  autocast_mark = threads_with_autocast ? kAutocastMark : 0;
}

// ---- the weights' casts: one for all uses of a weight in a block, so that gradients meet in one node

struct Cast {
  Tensor source, cast;
  const char* data;  // what the source showed, and when
  uint32_t version;
};
std::unordered_map<const TensorImpl*, Cast>& kept_casts() {
  static auto* kept = new std::unordered_map<const TensorImpl*, Cast>;  // outlives Python
  return *kept;
}

bool is_current(const Cast& kept, DType dtype) {
  return kept.cast.dtype() == dtype && kept.data == kept.source->data &&
         kept.version == kept.source->version() && (requires_grad(kept.cast) || !grad_enabled());
}

Tensor cast_to(const Tensor& t, DType dtype, bool is_lower) {
  const DeviceScope scope(Device::Type::Cpu);
  const bool keep = is_lower && state.keeps_casts && t.dtype() == DType::Float32 && t.is_leaf() &&
                    t->requires_grad_leaf && !t->view_base && !t->inference;
  if (!keep) return to_dtype(t, dtype);
  auto& kept = kept_casts();
  if (const auto at = kept.find(t.get()); at != kept.end() && is_current(at->second, dtype))
    return at->second.cast;
  const Tensor cast = to_dtype(t, dtype);
  kept.insert_or_assign(t.get(), Cast{t, cast, t->data, t->version()});
  return cast;
}

bool is_eligible(const TensorImpl* t) {
  return t && t->device == Device::Type::Cpu && is_floating(t->dtype) && t->dtype != DType::Float64;
}

// The widest of the operands: float32 as soon as one has it; numbers of other kinds do not count.
DType widest(const std::vector<const TensorImpl*>& operands) {
  const DType lower = lower_precision(Device::Type::Cpu);
  DType found = lower;
  for (const TensorImpl* t : operands) {
    if (!is_eligible(t)) continue;
    if (found == DType::Float32 || t->dtype == DType::Float32)
      found = DType::Float32;
    else
      check(t->dtype == lower, "Unexpected floating ScalarType in at::autocast::prioritize: torch.",
            name(t->dtype), " among operands that autocast brings to torch.", name(lower));
  }
  return found;
}

}  // namespace

AutocastCall::AutocastCall(const Overload& overload, Frame& frame) {
  constexpr unsigned kPolicies = Forms::lower_precision | Forms::float32 | Forms::widest;
  if (!state.enabled[kCpu] || !(overload.forms & kPolicies)) return;
  const size_t n = overload.parameters.size();
  const bool is_lower = overload.forms & Forms::lower_precision;
  DType dtype = is_lower ? lower_precision(Device::Type::Cpu) : DType::Float32;
  if (overload.forms & Forms::widest) {
    std::vector<const TensorImpl*> operands;
    for (size_t i = 0; i < n; ++i) {
      const Value& v = frame.values[i];
      if (v.kind == ValueKind::Tensor) operands.push_back(v.tensor);
      if (v.kind == ValueKind::Tensors)
        for (uint32_t k = 0; k < v.count; ++k) operands.push_back(v.tensors[k].get());
    }
    dtype = widest(operands);
  }
  casts_.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    Value& v = frame.values[i];
    if (v.kind == ValueKind::Tensor && is_eligible(v.tensor) && v.tensor->dtype != dtype) {
      casts_.push_back(cast_to(Tensor(v.tensor), dtype, is_lower));
      v.tensor = casts_.back().get();
    } else if (v.kind == ValueKind::Tensors) {
      for (uint32_t k = 0; k < v.count; ++k) {
        Tensor& t = const_cast<Tensor&>(v.tensors[k]);  // the frame's own
        if (is_eligible(t.get()) && t.dtype() != dtype) t = cast_to(t, dtype, is_lower);
      }
    }
  }
  enable(Device::Type::Cpu, false);
  casting_ = true;
}

AutocastCall::~AutocastCall() {
  if (casting_) enable(Device::Type::Cpu, true);
}

namespace {

Device::Type device_argument(PyObject* o) {
  Device device;
  check<TypeError>(parse_device(o, device), "a device type must be a string");
  return device.type;
}
PyObject* is_enabled(PyObject*, PyObject* device) {
  return PyBool_FromLong(state.enabled[static_cast<int>(device_argument(device))]);
}
PyObject* is_on(PyObject*, PyObject*) { return PyBool_FromLong(state.enabled[kCpu]); }
PyObject* set_enabled(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [device, enabled] =
      parse_arguments<2>("_autocast_set_enabled", {"device_type", "enabled"}, 2, args, count, keywords);
  enable(device_argument(device), is_true(enabled));
  Py_RETURN_NONE;
}
PyObject* get_dtype(PyObject*, PyObject* device) { return wrap(lower_precision(device_argument(device))); }
PyObject* set_dtype(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  auto [device, dtype] =
      parse_arguments<2>("_autocast_set_dtype", {"device_type", "dtype"}, 2, args, count, keywords);
  const int type = static_cast<int>(device_argument(device));
  check<TypeError>(parse_dtype(dtype, state.dtypes[type]), "a torch.dtype is needed");
  state.asked[type] = true;
  Py_RETURN_NONE;
}
PyObject* keeps_casts(PyObject*, PyObject*) { return PyBool_FromLong(state.keeps_casts); }
PyObject* set_keeps_casts(PyObject*, PyObject* o) {
  state.keeps_casts = is_true(o);
  Py_RETURN_NONE;
}
PyObject* forget_casts(PyObject*, PyObject*) {
  // Emptied first: what is dropped may run Python.
  const auto dropped = std::exchange(kept_casts(), {});
  Py_RETURN_NONE;
}
PyObject* nest(PyObject*, PyObject* o) {
  int64_t step;
  check<TypeError>(parse_int(o, step), "an int is needed");
  return PyLong_FromLongLong(state.nesting += step);
}

}  // namespace

PyMethodDef autocast_functions[] = {
    {"_autocast_is_enabled", entry<is_enabled>, METH_O, "Whether autocast is on for a type of device."},
    {"_autocast_on_cpu", entry<is_on>, METH_NOARGS, "Whether autocast is on for the CPU."},
    {"_autocast_set_enabled", fast<set_enabled>(), METH_FASTCALL | METH_KEYWORDS,
     "Switches autocast on or off for a type of device."},
    {"_autocast_get_dtype", entry<get_dtype>, METH_O, "The lower precision of a type of device."},
    {"_autocast_set_dtype", fast<set_dtype>(), METH_FASTCALL | METH_KEYWORDS,
     "Sets the lower precision of a type of device."},
    {"_autocast_keeps_casts", entry<keeps_casts>, METH_NOARGS, "Whether casts of weights are kept."},
    {"_autocast_set_keeps_casts", entry<set_keeps_casts>, METH_O, "Keeps casts of weights, or does not."},
    {"_autocast_forget_casts", entry<forget_casts>, METH_NOARGS, "Drops the casts of weights."},
    {"_autocast_nest", entry<nest>, METH_O, "Goes so many blocks deeper; returns how deep."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace flambeau::python
