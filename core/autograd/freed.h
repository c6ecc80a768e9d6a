// What is said where the captures of a node are asked for and gone.
#pragma once

namespace flambeau {

[[noreturn]] void fail_freed();

}  // namespace flambeau
