// The element of a bool tensor, for the kernels of reductions and scans.
#pragma once
#include <cstdint>

namespace flambeau::cpu::FLAMBEAU_ISA {
namespace {

// True if its byte is not 0: memory that was seen as another dtype before may hold any. A copy has 0 or 1.
struct Truth {
  uint8_t byte = 0;

  Truth() = default;
  Truth(const Truth& other) : byte(other.byte != 0) {}
  Truth& operator=(const Truth& other) {
    byte = other.byte != 0;
    return *this;
  }
  operator uint8_t() const { return byte != 0; }
};

}  // namespace
}  // namespace flambeau::cpu::FLAMBEAU_ISA
