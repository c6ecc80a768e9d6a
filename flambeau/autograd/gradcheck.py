"""Derivatives compared with finite differences.

Jacobians column by column from central differences (f(x + eps) - f(x - eps)) / (2 eps), whose error is of order eps^2
(Nocedal and Wright, Numerical Optimization, 8.1), against the rows that reverse mode gives. Complex numbers count as
pairs of reals: PyTorch's gradient of a real L is dL/dRe + i dL/dIm.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flambeau as torch
from flambeau._core import Tensor
from flambeau.autograd.function import Function

__all__ = ["gradcheck", "gradgradcheck", "GradcheckError"]


class GradcheckError(RuntimeError):
    """A derivative that differs from what finite differences give, or breaks a rule that derivatives keep."""


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple):
        return value
    return tuple(value) if isinstance(value, list) else (value,)


def _carries_gradient(t: Any) -> bool:
    return isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())


def _reals(t: Tensor) -> Tensor:
    """The values as a row of reals."""
    t = t.detach()
    return (torch.view_as_real(t) if t.is_complex() else t).reshape(-1)


def _units(t: Tensor) -> Iterator[Tensor]:
    """The gradients that pick one real each out of `t`."""
    for part in (1, 1j) if t.is_complex() else (1,):
        for k in range(t.numel()):
            unit = torch.zeros(t.numel(), dtype=t.dtype, device=t.device)
            unit[k] = part
            yield unit.reshape(t.shape)


def _interleaved(rows: list[Tensor], t: Tensor) -> list[Tensor]:
    """The rows of `_units` in the order of `_reals`."""
    if not t.is_complex():
        return rows
    half = len(rows) // 2
    return [row for k in range(half) for row in (rows[k], rows[half + k])]


class _Perturbation:
    """Changes an input in place, unseen by its version, so that functions that hold it see the change as well."""

    def __init__(self, t: Tensor) -> None:
        self.data = t.data
        self.places = [()] if t.dim() == 0 else list(_indices(t.shape))

    def directions(self) -> Iterator[tuple[tuple[int, ...], complex]]:
        for place in self.places:
            yield place, 1.0
            if self.data.is_complex():
                yield place, 1j


def _indices(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    import itertools

    return itertools.product(*(range(n) for n in shape))


def _outputs_of(func: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    outputs = _as_tuple(func(*inputs))
    for i, out in enumerate(outputs):
        if not isinstance(out, Tensor):
            raise ValueError(
                f"gradcheck expects a function whose results are tensors, but result {i} is of type {type(out).__name__}"
            )
    return outputs


def _numerical_jacobian(
    func: Callable[..., Any], inputs: tuple[Any, ...], which: Tensor, outputs: Sequence[int], eps: float
) -> list[Tensor]:
    """For each of the outputs the matrix d(output reals)/d(input reals), by rows of the input: its transpose."""
    columns: list[list[Tensor]] = [[] for _ in outputs]
    perturbation = _Perturbation(which)
    for place, direction in perturbation.directions():
        original = perturbation.data[place].item()
        values = []
        for sign in (1, -1):
            perturbation.data[place] = original + sign * eps * direction
            with torch.no_grad():
                found = _outputs_of(func, inputs)
            values.append([_reals(found[k]).clone() for k in outputs])
        perturbation.data[place] = original
        for column, plus, minus in zip(columns, *values, strict=True):
            column.append((plus - minus) / (2 * eps))
    return [torch.stack(c) if c else torch.zeros(0, 0, dtype=torch.float64) for c in columns]


def _analytical_jacobian(output: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """For each input the same matrix from reverse mode."""
    rows: list[list[Tensor]] = [[] for _ in inputs]
    for unit in _units(output):
        grads = torch.autograd.grad(output, inputs, unit, retain_graph=True, allow_unused=True)
        for row, g, x in zip(rows, grads, inputs, strict=True):
            row.append(_reals(torch.zeros_like(x) if g is None else g).clone())
    found = []
    for row, x in zip(rows, inputs, strict=True):
        ordered = _interleaved(row, output)
        empty = torch.zeros(_reals(x).numel(), 0, dtype=torch.float64)
        found.append(torch.stack(ordered, 1) if ordered else empty)
    return found


def _close(a: Tensor, b: Tensor, rtol: float, atol: float) -> bool:
    return a.numel() == 0 or bool(torch.allclose(a.double(), b.double(), rtol=rtol, atol=atol))


def _mismatch(output: int, index: int, numerical: Any, analytical: Any) -> str:
    return (
        f"Jacobian mismatch for output {output} with respect to input {index},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _not_reentrant(tolerance: float) -> str:
    return (
        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
        "different values, although analytical gradient matches numerical gradient. "
        f"The tolerance for nondeterminism was {tolerance}. Pass a larger nondet_tol where that is expected."
    )


class _Undefined(Function):
    """Passes values on and no gradient back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> None:
        return None


class _Check:
    """One run of gradcheck."""

    def __init__(
        self, func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float
    ) -> None:
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.checked = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
        self.checked_at = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
        for x in self.checked:
            x.retain_grad()
        self.outputs = _outputs_of(func, inputs)
        self.differentiable = [
            k for k, out in enumerate(self.outputs) if _carries_gradient(out) and out.requires_grad
        ]

    def numerical(self) -> list[list[Tensor]]:
        """By output, then by input."""
        by_input = [
            _numerical_jacobian(self.func, self.inputs, x, self.differentiable, self.eps)
            for x in self.checked
        ]
        return [list(column) for column in zip(*by_input, strict=True)]

    def zero_without_outputs(self) -> None:
        others = [k for k, out in enumerate(self.outputs) if _carries_gradient(out)]
        for x in self.checked:
            for jacobian in _numerical_jacobian(self.func, self.inputs, x, others, self.eps):
                if bool((jacobian != 0).any()):
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    def slow(self, nondet_tol: float) -> None:
        for k, numerical in zip(self.differentiable, self.numerical(), strict=True):
            analytical = _analytical_jacobian(self.outputs[k], self.checked)
            again = _analytical_jacobian(self.outputs[k], self.checked)
            for j, (n, a) in enumerate(zip(numerical, analytical, strict=True)):
                if not _close(a, n, self.rtol, self.atol):
                    raise GradcheckError(_mismatch(k, j, n, a))
            for first, second in zip(analytical, again, strict=True):
                if not _close(first, second, 0.0, nondet_tol):
                    raise GradcheckError(_not_reentrant(nondet_tol))

    def fast(self, nondet_tol: float) -> None:
        """Compares u^T J v for random directions u of the inputs and v of the outputs."""
        generator = torch.Generator().manual_seed(0)

        def direction(t: Tensor) -> Tensor:
            row = torch.rand(_reals(t).numel(), generator=generator, dtype=torch.float64) + 0.1
            row = row / row.norm()
            row = row.to(_reals(t).dtype)
            return torch.view_as_complex(row.reshape(*t.shape, 2)) if t.is_complex() else row.reshape(t.shape)

        us = [direction(x) for x in self.checked]
        for k in self.differentiable:
            output = self.outputs[k]
            v = direction(output)
            found = []
            for _ in range(2):
                grads = torch.autograd.grad(output, self.checked, v, retain_graph=True, allow_unused=True)
                found.append(
                    [
                        0.0 if g is None else float((_reals(g) * _reals(u)).sum())
                        for g, u in zip(grads, us, strict=True)
                    ]
                )
            for j, (x, u) in enumerate(zip(self.checked, us, strict=True)):
                values = []
                data = x.data
                original = data.clone()
                for sign in (1, -1):
                    data.copy_(original + sign * self.eps * u)
                    with torch.no_grad():
                        values.append(_reals(_outputs_of(self.func, self.inputs)[k]).clone())
                data.copy_(original)
                numerical = float(((values[0] - values[1]) / (2 * self.eps) * _reals(v)).sum())
                analytical = found[0][j]
                # A sum of n errors in the elements of a Jacobian, each with a weight of the size of 1 / sqrt(n).
                scale = float(_reals(u).abs().sum() * _reals(v).abs().sum())
                if not abs(numerical - analytical) <= self.atol * max(1.0, scale) + self.rtol * abs(
                    numerical
                ):
                    n = _numerical_jacobian(self.func, self.inputs, x, [k], self.eps)[0]
                    a = _analytical_jacobian(output, [x])[0]
                    raise GradcheckError(
                        _mismatch(k, j, numerical, analytical)
                        + "\nThe above quantities relating the numerical and analytical jacobians are computed\nin fast "
                        f"mode. In slow mode they are:\n\nNumerical:\n {n}\nAnalytical:\n{a}\n\nThe max per-element "
                        f"difference (slow mode) is: {float((n - a).abs().max())}.\n"
                    )
            if any(abs(a - b) > nondet_tol for a, b in zip(*found, strict=True)):
                raise GradcheckError(_not_reentrant(nondet_tol))

    def multiplied_by_grad_output(self, check_dtypes: bool) -> None:
        outputs = [self.outputs[k] for k in self.differentiable]
        zeros = [torch.zeros_like(out) for out in outputs]
        grads = torch.autograd.grad(outputs, self.checked, zeros, retain_graph=True, allow_unused=True)
        for g, x in zip(grads, self.checked, strict=True):
            if g is None:
                continue
            if bool((g != 0).any()):
                raise GradcheckError("backward not multiplied by grad_output")
            if check_dtypes and g.dtype != x.dtype:
                raise GradcheckError("grad is incorrect type")
            if g.size() != x.size():
                raise GradcheckError("grad is incorrect size")

    def undefined_gradients(self) -> None:
        def check(without: set[int]) -> None:
            outputs = [self.outputs[k] for k in self.differentiable]
            roots = [_Undefined.apply(out) if i in without else out for i, out in enumerate(outputs)]
            zeros = [torch.zeros_like(out) for out in outputs]
            try:
                grads = torch.autograd.grad(roots, self.checked, zeros, retain_graph=True, allow_unused=True)
            except RuntimeError as error:
                raise GradcheckError(
                    f"Expected backward function to handle undefined output grads: {error}"
                ) from error
            for g in grads:
                if g is not None and bool((g != 0).any()):
                    raise GradcheckError(
                        "Expected all input grads to be undefined or zero when all output grads are undefined or zero."
                    )

        count = len(self.differentiable)
        check(set(range(count)))
        if count > 1:
            for i in range(count):
                check({i})


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        if x.dtype not in (torch.float64, torch.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will "
                "likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping "
                "to be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )


def gradcheck(
    func: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compares the gradients of a function with central differences.

    Passes where |numerical - analytical| <= atol + rtol |numerical| for every element of every Jacobian.

    Args:
        func: takes the inputs, returns a tensor or several
        inputs: float64 or complex128 tensors; those that require a gradient are checked
        eps: the step of the differences
        atol: absolute tolerance
        rtol: relative tolerance
        raise_exception: raise instead of returning False
        nondet_tol: by how much two runs of the same backward may differ
        check_undefined_grad: whether backward has to cope with outputs through which no gradient comes
        check_grad_dtypes: whether gradients have to be of the dtype of their input
        check_batched_grad: not implemented
        check_batched_forward_grad: not implemented
        check_forward_ad: not implemented
        check_backward_ad: whether reverse mode is checked
        fast_mode: compare one random projection of each Jacobian instead of all of it
        masked: how elements that a sparse input does not specify count; without effect on dense inputs

    Returns:
        True where everything agrees; False where not, if raise_exception is False.

    Raises:
        GradcheckError: where something does not agree.
        ValueError: if no input requires a gradient.

    >>> import flambeau as torch
    >>> x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x.sin() * x, (x,))
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    for name, wanted in (
        ("check_batched_grad", check_batched_grad),
        ("check_batched_forward_grad", check_batched_forward_grad),
        ("check_forward_ad", check_forward_ad),
    ):
        if wanted:
            raise NotImplementedError(f"gradcheck({name}=True) is not implemented yet")
    if masked is not None and not isinstance(masked, bool):
        raise TypeError(f"gradcheck: masked must be bool or None, not {type(masked).__name__}")
    given = _as_tuple(inputs)
    try:
        _check_inputs(given)
        check = _Check(func, given, eps, atol, rtol)
        if not check.differentiable:
            check.zero_without_outputs()
            return True
        if fast_mode:
            check.fast(nondet_tol)
        else:
            check.slow(nondet_tol)
        check.multiplied_by_grad_output(check_grad_dtypes)
        if check_undefined_grad:
            check.undefined_gradients()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compares the gradients of a function's gradients with central differences.

    The function that `gradcheck` is given maps the inputs and the gradients of the outputs to the gradients of the
    inputs.

    Args:
        func: takes the inputs, returns a tensor or several
        inputs: float64 or complex128 tensors; those that require a gradient are checked
        grad_outputs: the gradients of the outputs; None draws them
        gen_non_contig_grad_outputs: draw them so that they are not contiguous
        check_fwd_over_rev: not implemented
        check_rev_over_rev: whether reverse mode over reverse mode is checked
        eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad, check_grad_dtypes, check_batched_grad,
            fast_mode, masked: as for `gradcheck`

    Returns:
        True where everything agrees; False where not, if raise_exception is False.

    Raises:
        GradcheckError: where something does not agree.

    >>> import flambeau as torch
    >>> x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x ** 3, (x,))
    True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_fwd_over_rev:
        raise NotImplementedError("gradgradcheck(check_fwd_over_rev=True) is not implemented yet")
    given = _as_tuple(inputs)
    outputs = [out for out in _outputs_of(func, given) if _carries_gradient(out) and out.requires_grad]
    if grad_outputs is None:

        def draw(out: Tensor) -> Tensor:
            dtype = out.dtype if out.dtype in (torch.float64, torch.complex128) else torch.float64
            shape = (*out.shape, 2) if gen_non_contig_grad_outputs else out.shape
            t = torch.randn(shape, dtype=dtype, device=out.device)
            return (t[..., 0] if gen_non_contig_grad_outputs else t).detach().requires_grad_()

        gradients = tuple(draw(out) for out in outputs)
    else:
        gradients = _as_tuple(grad_outputs)
    count = len(gradients)

    def gradients_of(*arguments: Any) -> tuple[Tensor, ...]:
        xs, vs = arguments[: len(arguments) - count], arguments[len(arguments) - count :]
        checked = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        results = [out for out in _outputs_of(func, xs) if _carries_gradient(out) and out.requires_grad]
        with torch.enable_grad():
            if not results:  # under no_grad, while differences are taken
                results = [
                    out for out in _outputs_of(func, xs) if _carries_gradient(out) and out.requires_grad
                ]
            grads = torch.autograd.grad(results, checked, vs, create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(
        gradients_of,
        (*given, *gradients),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )
