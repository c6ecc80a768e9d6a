"""Flambeau: PyTorch programs, unchanged, from a small and fast framework.

>>> import flambeau as torch
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

# Importing this package is part of every program's start: it loads the core and little else. nn, optim and the like are
# loaded when they are first named (_lazy.py). The operators come from the extension; `float`, `int` and `bool` are dtypes
# from here on.
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

import flambeau._library  # noqa: F401, I001  (finds OpenBLAS, refuses an unfit CPU)
from flambeau import _tensor  # noqa: F401  (completes Tensor)
from flambeau._core import *  # noqa: F403
from flambeau._core import Generator as Generator
from flambeau._core import Tensor as Tensor
from flambeau._core import default_generator as default_generator
from flambeau._functions import *  # noqa: F403
from flambeau._grad_mode import enable_grad as enable_grad
from flambeau._grad_mode import inference_mode as inference_mode
from flambeau._grad_mode import no_grad as no_grad
from flambeau._grad_mode import set_grad_enabled as set_grad_enabled
from flambeau._lazy import __dir__ as __dir__
from flambeau._lazy import __getattr__ as __getattr__
from flambeau._tensor_new import *  # noqa: F403
from flambeau._version import __version__ as __version__

newaxis = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flambeau import autograd as autograd
    from flambeau import nn as nn
    from flambeau import optim as optim
    from flambeau import utils as utils
    from flambeau.random import fork_rng as fork_rng
    from flambeau.random import get_rng_state as get_rng_state
    from flambeau.random import initial_seed as initial_seed
    from flambeau.random import manual_seed as manual_seed
    from flambeau.random import seed as seed
    from flambeau.random import set_rng_state as set_rng_state
    from flambeau.serialization import load as load
    from flambeau.serialization import save as save
