// torch.Generator.
#include "core/python/generator.h"

#include <nanobind/stl/unique_ptr.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "core/python/caster.h"
#include "core/random/generator.h"

namespace flambeau::python {
namespace {

namespace nb = nanobind;

// Any integer of 64 bits, signed or not: negative seeds stand for their two's complement.
uint64_t seed_from(nb::handle seed, const char* function) {
  if (!PyLong_Check(seed.ptr())) {
    throw nb::type_error(
        concat(function, " expected a long, but got ", Py_TYPE(seed.ptr())->tp_name).c_str());
  }
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(seed.ptr(), &overflow);
  if (overflow == 0) return static_cast<uint64_t>(value);
  const unsigned long long large =
      overflow > 0 ? PyLong_AsUnsignedLongLong(seed.ptr()) : static_cast<unsigned long long>(-1);
  if (overflow < 0 || PyErr_Occurred()) {
    PyErr_Clear();
    throw nb::value_error("Overflow when unpacking long long: a seed must lie between -2**63 and 2**64 - 1");
  }
  return large;
}

Generator::State state_of(Generator& generator) {
  const std::lock_guard lock(generator.mutex());
  return generator.state();
}

Tensor get_state(Generator& generator) {
  const Generator::State state = state_of(generator);
  const Tensor bytes = empty({static_cast<int64_t>(state.size())}, DType::UInt8);
  std::copy(state.begin(), state.end(), bytes.data<uint8_t>());
  return bytes;
}

void set_state(Generator& generator, nb::handle new_state) {
  if (!is_tensor(new_state.ptr())) {
    throw nb::type_error(
        concat("expected a torch.ByteTensor, but got ", Py_TYPE(new_state.ptr())->tp_name).c_str());
  }
  const Tensor bytes = tensor_of(new_state.ptr());
  if (bytes.dtype() != DType::UInt8 || !bytes.is_contiguous()) {
    throw nb::type_error("RNG state must be a torch.ByteTensor, contiguous, as get_state() returns it");
  }
  const std::lock_guard lock(generator.mutex());
  generator.set_state(bytes.data<uint8_t>(), static_cast<size_t>(bytes.numel()));
}

// In the memory of the Python object: a Generator is neither copied nor moved.
void construct(Generator* self, nb::handle device) {
  Device parsed;
  if (!device.is_none()) {
    if (!parse_device(device.ptr(), parsed)) {
      throw nb::type_error(
          concat("Generator(): argument 'device' must be torch.device, not ", Py_TYPE(device.ptr())->tp_name)
              .c_str());
    }
    check_device(parsed);
  }
  new (self) Generator;
}

std::unique_ptr<Generator> clone_state(Generator& generator) {
  const Generator::State state = state_of(generator);
  auto clone = std::make_unique<Generator>();
  clone->set_state(state.data(), state.size());
  return clone;
}

}  // namespace

Generator* generator_of(PyObject* o) {
  if (!nb::isinstance<Generator>(o)) return nullptr;
  check(nb::inst_ready(o), "the Generator was made without its constructor: call Generator.__init__");
  return nb::inst_ptr<Generator>(o);
}

void bind_generator(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<Generator>(
      module, "Generator", nb::is_weak_referenceable(),
      "A source of random numbers: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998).\n\n"
      "Args:\n    device: 'cpu', the default\n\n"
      ">>> import flambeau as torch\n"
      ">>> generator = torch.Generator().manual_seed(0)\n"
      ">>> torch.randint(0, 100, (3,), generator=generator).tolist()\n"
      "[44, 39, 33]\n")
      .def("__init__", construct, "device"_a.none() = nb::none())
      .def(
          "manual_seed",
          [](Generator& g, nb::handle seed) -> Generator& {
            const uint64_t value = seed_from(seed, "manual_seed");
            const std::lock_guard lock(g.mutex());
            g.manual_seed(value);
            return g;
          },
          "seed"_a, nb::rv_policy::none, "Restarts the sequence at that of `seed`; returns the generator.")
      .def(
          "seed",
          [](Generator& g) {
            const std::lock_guard lock(g.mutex());
            return g.seed();
          },
          "Restarts the sequence at an unpredictable seed; returns the seed.")
      .def("initial_seed", &Generator::initial_seed, "The seed of the sequence.")
      .def("get_state", get_state, "The state, as a uint8 tensor of 5056 items; PyTorch understands it.")
      .def("set_state", set_state, "new_state"_a, "Continues where a state was taken.")
      .def("clone_state", clone_state, "A generator of its own that continues where this one stands.")
      .def("get_offset",
           [](Generator&) -> int64_t { throw std::runtime_error("CPU Generator does not use offset"); })
      .def(
          "set_offset",
          [](Generator&, int64_t) { throw std::runtime_error("CPU Generator does not use offset"); },
          "offset"_a)
      .def_prop_ro(
          "device", [](Generator&) { return nb::steal(wrap(Device{})); }, "The device of its numbers.")
      // Pickled by name: a function of this module could not be.
      .def("__reduce__", [](nb::object self) {
        return nb::make_tuple(nb::module_::import_("flambeau.random").attr("_restored"),
                              nb::make_tuple(self.attr("get_state")()));
      });
  module.attr("default_generator") = nb::cast(&default_generator(), nb::rv_policy::reference);
}

}  // namespace flambeau::python
