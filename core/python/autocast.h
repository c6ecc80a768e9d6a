// Autocast: within `with torch.autocast(...)` an operator brings its operands to the precision that its
// EXPOSE names (lower_precision, float32, widest). The state is the thread's.
#pragma once
#include "core/python/python.h"

#include <vector>

#include "core/python/binder.h"

namespace flambeau::python {

// Every frame's `elsewhere` begins as this: not 0 while some thread has autocast on, so that calls look more
// closely, and nothing else is to be tested while none has.
extern constinit uint8_t autocast_mark;
constexpr uint8_t kAutocastMark = 0x80;
static_assert(kDeviceTypes < kAutocastMark);

// For the time of a call: the operands of `frame` in the precision of the overload's policy, and autocast off
// for what the operator calls. Does nothing where autocast is off or the overload has no policy.
class AutocastCall {
 public:
  AutocastCall(const Overload& overload, Frame& frame);
  ~AutocastCall();
  AutocastCall(const AutocastCall&) = delete;
  AutocastCall& operator=(const AutocastCall&) = delete;

 private:
  std::vector<Tensor> casts_;
  bool casting_ = false;
};

extern PyMethodDef autocast_functions[];

}  // namespace flambeau::python
