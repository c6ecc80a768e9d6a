// Lists of integers in messages.
#pragma once
#include "core/tensor/dims.h"

namespace flambeau {

// As an argument of check(): to_string would write the text for every call, and not only where it fails.
struct Listed {
  IntList list;
};
inline std::ostream& operator<<(std::ostream& stream, Listed listed) {
  return stream << to_string(listed.list);
}

}  // namespace flambeau
