// Which ways to compute attention the program allows (torch.nn.attention.sdpa_kernel).
#pragma once

namespace flambeau {

struct AttentionBackends {
  static constexpr unsigned kMath = 1, kFlash = 2;
};
// Bits of AttentionBackends; both at first.
void set_attention_backends(unsigned allowed);

}  // namespace flambeau
