// Whether operations are recorded: switches of the thread, of which a new tensor notes one.
#pragma once

namespace flambeau {

struct GradState {
  bool enabled = true;  // whether operations are recorded
  bool inference = false;
  bool inside_forward =
      false;  // an operator's own forward: not recorded, yet its views count as recorded ones
  bool asked =
      true;  // what is_grad_enabled() says in inference mode, where nothing is recorded whatever that is
};
// constinit, here and elsewhere: without it every use asks whether the variable has been initialised yet.
extern constinit thread_local GradState grad_state;

}  // namespace flambeau
