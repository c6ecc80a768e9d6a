"""Settings of the compiler's front end, which programs write; nothing is compiled, hence nothing reads them."""

recompile_limit: int = 8
cache_size_limit: int = 8
accumulated_recompile_limit: int = 256
accumulated_cache_size_limit: int = 256
suppress_errors: bool = False
verbose: bool = False
dynamic_shapes: bool = True
assume_static_by_default: bool = True
automatic_dynamic_shapes: bool = True
capture_scalar_outputs: bool = False
capture_dynamic_output_shape_ops: bool = False
optimize_ddp: bool = True
guard_nn_modules: bool = True
inline_inbuilt_nn_modules: bool = True
compiled_autograd: bool = False
error_on_recompile: bool = False
disable: bool = False
