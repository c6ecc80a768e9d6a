"""Names of PyTorch's top level that are not written yet; asking for one says so. A name that has arrived may go."""

from __future__ import annotations

# The same for the modules of operators.
NOT_YET_IN = {
    "flambeau.linalg": frozenset(
        """
        cholesky cholesky_ex cond det eig eigh eigvals eigvalsh householder_product inv inv_ex ldl_factor
        ldl_factor_ex ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matrix_rank pinv qr slogdet solve
        solve_ex solve_triangular svd svdvals tensorinv tensorsolve
        """.split()
    ),
    "flambeau.special": frozenset(
        """
        airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma erfcx erfinv gammainc gammaincc gammaln i0
        i0e i1 i1e log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1
        multigammaln ndtri polygamma psi scaled_modified_bessel_k0 scaled_modified_bessel_k1
        spherical_bessel_j0 zeta
        """.split()
    ),
}

NOT_YET = frozenset(
    """
    adaptive_avg_pool1d adaptive_max_pool1d addmv_ affine_grid_generator ao argsort as_strided_ avg_pool1d
    batch_norm binary_cross_entropy_with_logits cholesky cholesky_inverse cholesky_solve classes
    cosine_embedding_loss ctc_loss det digamma distributions embedding embedding_bag embedding_renorm_ erfinv
    export frobenius_norm func geqrf grid_sampler grid_sampler_2d grid_sampler_3d group_norm gru gru_cell
    hinge_embedding_loss histogramdd i0 i0_ igamma igammac index_reduce instance_norm inverse kl_div kthvalue
    layer_norm lgamma library lobpcg logdet lstm lstm_cell lu_solve lu_unpack margin_ranking_loss masked
    max_pool3d median mode monitor msort mvlgamma nanmedian nanquantile nested norm_except_dim nuclear_norm
    orgqr ormqr package pinverse poisson_nll_loss polygamma qr quantile quantization rms_norm rnn_relu
    rnn_relu_cell rnn_tanh rnn_tanh_cell rrelu rrelu_ scatter_reduce set_anomaly_enabled slogdet sort
    svd topk triangular_solve triplet_margin_loss unique_consecutive vmap
    """.split()
)
