"""Products of matrices and vectors: values in every layout, integer wrapping, errors and derivatives."""

import numpy as np
import pytest
from gradients import check_gradient
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau as torch
import flambeau.nn.functional as F


def array(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def double(*shape, seed=0):
    return torch.from_numpy(array(*shape, seed=seed))


def close(got, expected, tolerance=1e-9):
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


# ---- layouts

LAYOUTS = ["plain", "transposed", "padded", "strided", "broadcast"]


def laid_out(x, layout):
    """A tensor equal to x whose memory has that layout."""
    t = torch.from_numpy(x.copy())
    if layout == "transposed":
        return torch.from_numpy(np.ascontiguousarray(x.T)).t()
    if layout == "padded":
        return torch.cat([t, t], 1)[:, : x.shape[1]]
    if layout == "strided":
        return torch.from_numpy(np.repeat(x, 2, 1))[:, ::2]
    if layout == "broadcast":
        return t[:1].expand(x.shape)
    return t


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(LAYOUTS),
    st.sampled_from(LAYOUTS),
)
@settings(max_examples=200, deadline=None)
def test_every_shape_in_every_layout_agrees_with_numpy(m, k, n, first, second):
    a, b = laid_out(array(m, k), first), laid_out(array(k, n, seed=1), second)
    close(a @ b, a.numpy() @ b.numpy())


@pytest.mark.parametrize(
    "m, k, n",
    [(256, 784, 10), (10, 256, 784), (64, 1000, 100), (200, 150, 130), (1, 500, 300), (300, 500, 1)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_large_products_agree_with_numpy(m, k, n, dtype, left, right):
    a, b = array(m, k, dtype=dtype), array(k, n, seed=1, dtype=dtype)
    x, y = laid_out(a, "transposed" if left else "plain"), laid_out(b, "transposed" if right else "plain")
    close(x @ y, a.astype(np.float64) @ b.astype(np.float64), 2e-4 if dtype == np.float32 else 1e-10)


def test_a_product_over_nothing_is_zero():
    assert (torch.empty(2, 0) @ torch.empty(0, 3)).tolist() == [[0, 0, 0]] * 2
    assert torch.addmm(torch.ones(3), torch.empty(2, 0), torch.empty(0, 3)).tolist() == [[1, 1, 1]] * 2
    assert (torch.empty(0, 2) @ torch.empty(2, 3)).shape == (0, 3)
    assert F.linear(torch.empty(0, 2), torch.ones(3, 2), torch.ones(3)).shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_integer_products_are_exact_and_wrap(dtype):
    a, b = torch.tensor([[1, 2], [3, 4]], dtype=dtype), torch.tensor([[5, 6], [7, 8]], dtype=dtype)
    assert (a @ b).tolist() == [[19, 22], [43, 50]]
    assert (a.t() @ b).tolist() == [[26, 30], [38, 44]]
    top = torch.tensor([[100, 100]], dtype=dtype)
    wrapped = np.int64(20000).astype(str(dtype).split(".")[1]).item()
    assert (top @ top.t()).item() == wrapped


# ---- batches


@pytest.mark.parametrize(
    "first, second",
    [((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 5)),
     ((2, 3, 4), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((0, 3, 4), (0, 4, 5))],
)  # fmt: skip
def test_matmul_broadcasts_batches(first, second):
    a, b = array(*first), array(*second, seed=1)
    close(torch.from_numpy(a) @ torch.from_numpy(b), a @ b)


def test_attention_scores_of_transposed_heads():
    q, k = array(2, 5, 3, 4), array(2, 5, 3, 4, seed=1)
    a, b = torch.from_numpy(q).transpose(1, 2), torch.from_numpy(k).transpose(1, 2)
    close(a @ b.transpose(-2, -1), q.swapaxes(1, 2) @ k.swapaxes(1, 2).swapaxes(-2, -1))


# ---- accumulating forms


def test_addmm_scales_both_terms():
    a, b, c = array(3, 4), array(4, 5, seed=1), array(3, 5, seed=2)
    got = torch.addmm(torch.from_numpy(c), torch.from_numpy(a), torch.from_numpy(b), beta=0.5, alpha=-2)
    close(got, 0.5 * c - 2 * a @ b)


def test_with_beta_zero_the_added_values_do_not_matter():
    x = torch.full((2, 2), float("nan"))
    assert torch.addmm(x, torch.eye(2), torch.eye(2), beta=0).tolist() == [[1, 0], [0, 1]]


def test_addmm_in_place_may_use_itself_as_a_factor():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    x.addmm_(x, x)
    assert x.tolist() == [[8, 12], [18, 26]]


def test_out_may_be_a_factor_or_transposed():
    a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.mm(a, a, out=a)
    assert a.tolist() == [[7, 10], [15, 22]]
    target = torch.zeros(3, 2)
    torch.mm(torch.ones(2, 4), torch.arange(12.0).reshape(4, 3), out=target.t())
    assert target.tolist() == [[18, 18], [22, 22], [26, 26]]


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (2, 0, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_x_times_w_transposed_plus_b(shape, bias):
    x, w, b = array(*shape), array(5, 4, seed=1), array(5, seed=2)
    got = F.linear(torch.from_numpy(x), torch.from_numpy(w), torch.from_numpy(b) if bias else None)
    close(got, x @ w.T + (b if bias else 0))


def test_dot_sums_in_more_precision_than_it_returns():
    x = torch.full((1_000_000,), 0.1)
    expected = 1e6 * float(np.float32(0.1)) ** 2
    assert abs(x.dot(x).item() / expected - 1) < 1e-6


# ---- derivatives


def test_first_and_second_derivatives():
    check_gradient(lambda a, b: a @ b, double(3, 4), double(4, 2, seed=1))
    check_gradient(lambda a, b: a @ b, double(2, 3, 4), double(4, 2, seed=1))
    check_gradient(lambda a, b: a @ b, double(2, 1, 2, 3), double(4, 3, 2, seed=1))
    check_gradient(lambda a, v: a @ v, double(3, 4), double(4, seed=1))
    check_gradient(lambda u, v: u @ v * torch.outer(u, v), double(4), double(4, seed=1))
    check_gradient(
        lambda x, w, b: F.linear(x, w, b), double(2, 3, 4), double(5, 4, seed=1), double(5, seed=2)
    )
    check_gradient(
        lambda c, a, b: torch.addmm(c, a, b, beta=2, alpha=3), double(2), double(3, 4), double(4, 2)
    )
    check_gradient(lambda c, a, b: torch.baddbmm(c, a, b), double(2, 1, 2), double(2, 3, 4), double(2, 4, 2))


def test_only_the_gradients_asked_for_are_computed():
    a, b = double(2, 3), double(3, 2).requires_grad_()
    (a @ b).sum().backward()
    assert a.grad is None
    close(b.grad, np.repeat(a.numpy().sum(0)[:, None], 2, 1))


# ---- errors


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: x.mm(x), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
        (lambda x: x.mm(x[0]), RuntimeError, "mat2 must be a matrix"),
        (
            lambda x: x.mm(x.t().double()),
            RuntimeError,
            "expected m1 and m2 to have the same dtype, but got: float != double",
        ),
        (lambda x: x.bmm(x), RuntimeError, "batch1 must be a 3D tensor"),
        (
            lambda x: x[None].bmm(x[None]),
            RuntimeError,
            r"Expected size for first two dimensions of batch2 tensor to be: \[1, 3\] but got: \[1, 2\]",
        ),
        (lambda x: x @ x[0, :2], RuntimeError, r"size mismatch, got input \(2\), mat \(2x3\), vec \(2\)"),
        (
            lambda x: x @ torch.tensor(1.0),
            RuntimeError,
            "both arguments to matmul need to be at least 1D, but they are 2D and 0D",
        ),
        (
            lambda x: x[0].dot(x[0, :2]),
            RuntimeError,
            r"expected tensor \[3\] and src \[2\] to have the same number of elements",
        ),
        (
            lambda x: F.linear(x, x[:, :2]),
            RuntimeError,
            r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x2\)",
        ),
        (lambda x: (x > 0).mm((x > 0).t()), NotImplementedError, "not implemented for 'Bool'"),
        (lambda x: torch.outer(x, x[0]), RuntimeError, "outer: Expected 1-D argument self, but got 2-D"),
        (
            lambda x: x.addmm_(x, x.t()),
            RuntimeError,
            r"input tensor size \[2, 3\] and output tensor size \[2, 2\] should match",
        ),
    ],
)
def test_wrong_shapes_and_types_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(2, 3))
