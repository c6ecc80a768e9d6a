"""Functions that PyTorch has taken away, and still answers for: each says what to call in its place."""

from __future__ import annotations

from typing import Any

from flambeau._missing import refusing

_INSTEAD = {
    "solve": "X, _ = torch.solve(B, A) is X = torch.linalg.solve(A, B), with the arguments reversed; for the LU "
    "factorization see torch.linalg.lu_factor.",
    "symeig": "L, V = torch.symeig(A, eigenvectors=True, upper=upper) is L, V = torch.linalg.eigh(A, UPLO='U' if upper "
    "else 'L'), and without eigenvectors torch.linalg.eigvalsh; the lower triangle is now the default.",
    "eig": "L, V = torch.eig(A, eigenvectors=True) is L, V = torch.linalg.eig(A), and without eigenvectors "
    "torch.linalg.eigvals; the results are complex tensors.",
    "lstsq": "X, _ = torch.lstsq(B, A) is X = torch.linalg.lstsq(A, B).solution, with the arguments reversed; for the QR "
    "decomposition see torch.linalg.qr.",
    "matrix_rank": "Use torch.linalg.matrix_rank, where 'symmetric' is called 'hermitian'.",
}


def __getattr__(name: str) -> Any:
    if name not in _INSTEAD:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    text = f"This function was deprecated since version 1.9 and is now removed. {_INSTEAD[name]}"
    return refusing("flambeau", name, RuntimeError, text)
