"""Names of PyTorch's top level that are not written yet; asking for one says so. A name that has arrived may go."""

from __future__ import annotations

# The same for the modules of operators.
NOT_YET_IN = {
    "flambeau.linalg": frozenset(
        """
        cholesky cholesky_ex cond det eig eigh eigvals eigvalsh householder_product inv inv_ex ldl_factor ldl_factor_ex
        ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matrix_exp matrix_rank pinv qr slogdet solve solve_ex
        solve_triangular svd svdvals tensorinv tensorsolve vander vecdot multi_dot matrix_norm matrix_power cross
        diagonal
        """.split()
    ),
    "flambeau.special": frozenset(
        """
        airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u digamma entr erfcx
        erfinv gammainc gammaincc gammaln hermite_polynomial_h hermite_polynomial_he i0 i0e i1 i1e laguerre_polynomial_l
        legendre_polynomial_p log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1
        multigammaln ndtri polygamma psi scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0 zeta
        """.split()
    ),
    "flambeau.fft": frozenset(
        """
        fft fft2 fftn hfft hfft2 hfftn ifft ifft2 ifftn ihfft ihfft2 ihfftn irfft irfft2 irfftn rfft rfft2 rfftn
        """.split()
    ),
}

NOT_YET = frozenset(
    """
    adaptive_avg_pool1d adaptive_max_pool1d addmv_ affine_grid_generator angle ao argsort as_strided_
    as_strided_scatter avg_pool1d bartlett_window batch_norm bilinear binary_cross_entropy_with_logits bincount
    blackman_window bucketize cdist chain_matmul channel_shuffle cholesky cholesky_inverse cholesky_solve classes
    combinations complex conj conj_physical conj_physical_ constant_pad_nd conv3d conv_tbc conv_transpose1d
    conv_transpose2d conv_transpose3d convolution corrcoef cosine_embedding_loss cosine_similarity cross ctc_loss
    cumulative_trapezoid det diag diag_embed diagflat diagonal_scatter diff digamma distributions einsum embedding
    embedding_bag embedding_renorm_ erfinv export frexp frobenius_norm func gcd gcd_ geqrf gradient grid_sampler
    grid_sampler_2d grid_sampler_3d group_norm gru gru_cell hamming_window hann_window heaviside
    hinge_embedding_loss histc histogram histogramdd i0 i0_ igamma igammac imag index_reduce inner instance_norm
    inverse is_anomaly_check_nan_enabled is_anomaly_enabled is_conj is_neg isin istft kaiser_window kl_div kron
    kthvalue layer_norm lcm lcm_ lgamma library lobpcg logaddexp2 logdet lstm lstm_cell lu_solve lu_unpack
    margin_ranking_loss masked matrix_exp matrix_power max_pool3d median meshgrid mode monitor msort mvlgamma
    nanmedian nanquantile nested nextafter nonzero_static norm_except_dim nuclear_norm orgqr ormqr package
    pairwise_distance pdist pinverse pixel_shuffle pixel_unshuffle poisson_nll_loss polar polygamma qr quantile
    quantization real renorm resize_as_ resolve_conj resolve_neg rms_norm rnn_relu rnn_relu_cell rnn_tanh
    rnn_tanh_cell rrelu rrelu_ scatter_reduce searchsorted select_scatter set_anomaly_enabled sinc sinc_
    slice_scatter slogdet sort sparse stft svd tensordot topk trace trapezoid trapz triangular_solve
    triplet_margin_loss unique_consecutive unsafe_chunk unsafe_split unsafe_split_with_sizes
    vander view_as_complex view_as_real vmap
    """.split()
)
