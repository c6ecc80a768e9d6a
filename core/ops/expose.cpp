#include "core/ops/expose.h"

namespace flambeau {

const Exposed*& Exposed::head() {
  static const Exposed* first = nullptr;
  return first;
}

}  // namespace flambeau
