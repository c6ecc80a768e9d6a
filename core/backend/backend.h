// What core/ops asks of a device: entry points on raw memory and geometry, one row per device type.
//
// Operators call `backend::current().softmax(...)`: the row of the device of the running call. Pointers
// belong to that device; nobody on this side of the seam may read through them (on_host() in
// core/tensor/tensor.h is for who must). The CPU's row is core/cpu/row.cpp, meta's is core/backend/meta.cpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/backend/attention.h"
#include "core/backend/convolution.h"
#include "core/backend/fft.h"
#include "core/backend/indexing.h"
#include "core/backend/linalg.h"
#include "core/backend/loss.h"
#include "core/backend/normalisation.h"
#include "core/backend/optim.h"
#include "core/backend/pointwise.h"
#include "core/backend/pooling.h"
#include "core/backend/recurrent.h"
#include "core/backend/reduce.h"
#include "core/backend/resample.h"
#include "core/backend/softmax.h"
#include "core/backend/sort.h"
#include "core/backend/views.h"
#include "core/tensor/device.h"
#include "core/tensor/scalar.h"

namespace flambeau::backend {

struct Row {
  bool has_values;  // false: tensors are shapes and no more

  // ---- pointwise
  // Not null: the device has the operator. Where the host calls kernels itself (`calls_kernels`), small calls
  // go straight to them.
  const PointwiseTable& pointwise_kernels;
  bool calls_kernels;
  bool (*has_cast)(DType to, DType from);
  void (*pointwise)(Pointwise op, DType compute, PointwiseCall& call);
  // Operand 1 to operand 0, converted to its dtype.
  void (*copy)(PointwiseCall& call);
  void (*copy_bytes)(void* to, const void* from, size_t bytes);
  // n copies of one item, which lies in the host's memory.
  void (*fill)(void* data, const void* item, size_t item_size, int64_t n);
  // Whether some item is 0; false where values cannot be asked for.
  bool (*any_zero)(DType dtype, const void* data, int64_t n);

  // ---- reductions and scans; an output is contiguous
  bool (*has_reduce)(Reduce op, DType dtype);
  void (*reduce)(Reduce op, DType dtype, const Reduction& reduction, const void* input, void* output);
  bool (*has_arg_reduce)(ArgReduce op, DType dtype);
  void (*arg_reduce)(ArgReduce op, DType dtype, const Reduction& reduction, const void* input, void* values,
                     int64_t* indices);
  void (*variance)(DType dtype, const Reduction& reduction, double correction, bool standard_deviation,
                   const void* input, void* variances, void* means);
  void (*scan)(Scan op, DType dtype, int64_t outer, int64_t size, int64_t inner, const void* input,
               void* output, int64_t* indices);
  void (*log_sum_exp_scan)(DType dtype, SoftmaxShape shape, const void* x, void* y);

  // ---- softmax and the losses over class scores
  void (*softmax)(DType dtype, SoftmaxShape shape, const void* x, void* y);
  void (*log_softmax)(DType dtype, SoftmaxShape shape, const void* x, void* y);
  void (*softmax_backward)(DType dtype, SoftmaxShape shape, const void* grad_output, const void* y,
                           void* grad_input);
  void (*log_softmax_backward)(DType dtype, SoftmaxShape shape, const void* grad_output, const void* y,
                               void* grad_input);
  void (*logsumexp)(DType dtype, SoftmaxShape shape, const void* x, void* y);
  int64_t (*find_bad_target)(const ClassLoss& loss);  // -1: none, or nobody can look
  void (*nll_loss)(DType dtype, const ClassLoss& loss, const void* log_probabilities, void* output,
                   void* total_weight);
  void (*nll_loss_backward)(DType dtype, const ClassLoss& loss, const void* grad_output,
                            const void* total_weight, void* grad_input);
  void (*cross_entropy)(DType dtype, const ClassLoss& loss, const void* logits, void* output,
                        void* log_normalizer, void* total_weight);
  void (*cross_entropy_backward)(DType dtype, const ClassLoss& loss, const void* grad_output,
                                 const void* logits, const void* log_normalizer, const void* total_weight,
                                 void* grad_logits);
  bool (*all_in_unit_interval)(DType dtype, const void* x, int64_t n);  // true where nobody can look

  // ---- normalisation of rows (core/cpu/normalisation/normalisation.h); beside halves, all but the
  // rows is float32
  void (*normalize_rows)(DType dtype, const NormShape& shape, const void* x, const void* weight,
                         const void* bias, void* y, void* means, void* scales);
  void (*normalize_rows_backward)(DType dtype, const NormShape& shape, const void* grad_output, const void* x,
                                  const void* weight, const void* means, const void* scales, void* grad_input,
                                  void* grad_weight, void* grad_bias);
  // Batch normalisation, of float32 and float64.
  void (*normalize_channels)(DType dtype, const ChannelShape& shape, const ChannelNorm& norm, const void* x,
                             void* y);
  void (*normalize_channels_backward)(DType dtype, const ChannelShape& shape, const ChannelNorm& norm,
                                      const void* grad_output, const void* x, void* grad_input,
                                      void* grad_weight, void* grad_bias);

  // ---- recurrent layers (core/cpu/recurrent/recurrent.h); float32 and float64, with working memory
  size_t (*recurrent_workspace)(DType dtype, const RecurrentShape& shape, bool keeps);
  void (*recurrent_layer)(DType dtype, const RecurrentShape& shape,
                          std::span<const RecurrentForward> directions, void* workspace);
  size_t (*recurrent_backward_workspace)(DType dtype, const RecurrentShape& shape);
  void (*recurrent_layer_backward)(DType dtype, const RecurrentShape& shape,
                                   std::span<const RecurrentBackward> directions, void* workspace);

  // ---- attention (core/cpu/attention/attention.h); no size is 0
  void (*attention)(DType dtype, const Attention& a, const HeadRows& output, void* normalizers);
  void (*attention_backward)(DType dtype, const Attention& a, const AttentionGradients& g);

  // ---- losses over sequences (core/cpu/loss/ctc.h)
  int64_t (*find_bad_label)(const CtcLoss& loss);  // -1: none, or nobody can look
  void (*ctc_loss)(DType dtype, const CtcLoss& loss, const void* log_probabilities, void* losses,
                   void* alphas);
  void (*ctc_loss_backward)(DType dtype, const CtcLoss& loss, const void* grad_output,
                            const void* log_probabilities, const void* losses, const void* alphas,
                            void* grad_input);

  // ---- products (core/cpu/linalg/product.h)
  void (*matrix_product)(const char* name, DType dtype, const Matrix& c, const Matrix& a, const Matrix& b,
                         const Scalar& alpha, const Scalar& beta, const void* bias, int64_t batch);
  void (*matrix_vector_product)(const char* name, DType dtype, const Vector& y, const Matrix& a,
                                const Vector& x, const Scalar& alpha, const Scalar& beta);
  void (*dot)(DType dtype, int64_t n, const Vector& x, const Vector& y, void* result);

  // ---- factorizations and solvers, in place (core/cpu/linalg/factorizations.h); float32, float64,
  // complex64, complex128. Infos, one a matrix, are LAPACK's: 0 for success, i where the i-th pivot or minor
  // fails.
  void (*cholesky)(DType dtype, const MatrixBatch& a, bool upper, int32_t* infos);
  void (*cholesky_inverse)(DType dtype, const MatrixBatch& a, bool upper, int32_t* infos);
  void (*cholesky_solve)(DType dtype, const MatrixBatch& factor, const MatrixBatch& b, bool upper);
  void (*lu_factor)(DType dtype, const MatrixBatch& a, int32_t* pivots, int32_t* infos);
  void (*lu_solve)(DType dtype, const MatrixBatch& lu, const int32_t* pivots, const MatrixBatch& b,
                   MatrixOp op);
  // The inverse, by an LU decomposition that is lost.
  void (*inverse)(DType dtype, const MatrixBatch& a, int32_t* infos);
  // Which row stands where after the exchanges of `pivots` (counted from 1, `exchanges` a matrix), or,
  // inverse, where each row has gone.
  void (*pivots_to_permutation)(const int32_t* pivots, int64_t count, int64_t exchanges, int64_t rows,
                                bool inverse, int64_t* permutation);
  // Of LU decompositions: the determinants, or (logarithms given) their signs and log |det|.
  void (*lu_determinant)(DType dtype, const MatrixBatch& lu, const int32_t* pivots, void* determinants,
                         void* logarithms);
  void (*solve_triangular)(DType dtype, const MatrixBatch& a, const MatrixBatch& b,
                           const TriangularSolve& how);
  void (*ldl_factor)(DType dtype, const MatrixBatch& a, bool hermitian, int32_t* pivots, int32_t* infos);
  void (*ldl_solve)(DType dtype, const MatrixBatch& ld, const int32_t* pivots, bool hermitian,
                    const MatrixBatch& b);
  // A = Q R: R above, the reflectors of Q below the diagonal, and their factors in tau.
  void (*qr_factor)(DType dtype, const MatrixBatch& a, void* tau);
  // The first columns of Q, in the place of its `reflectors`.
  void (*qr_columns)(DType dtype, const MatrixBatch& a, int64_t reflectors, const void* tau);
  // op(Q) C, or C op(Q).
  void (*qr_multiply)(DType dtype, const MatrixBatch& reflectors, const void* tau, const MatrixBatch& c,
                      bool left, MatrixOp op);

  // ---- eigenvalues and singular values (core/cpu/linalg/spectral.h); `a` is lost. A matrix that is not
  // finite fails, or has NaN for its results. A = U diag(S) Vh, S real and falling; U and Vh without data
  // where only S is wanted.
  void (*svd)(DType dtype, const MatrixBatch& a, void* values, const MatrixBatch& u, const MatrixBatch& vh,
              int32_t* infos);
  // Of Hermitian matrices, from one triangle: real, growing; the vectors, if wanted, in the place of `a`.
  void (*eigh)(DType dtype, const MatrixBatch& a, void* values, bool upper, bool vectors, int32_t* infos);
  // Complex results for any dtype; `vectors` in columns, or null.
  void (*eig)(DType dtype, const MatrixBatch& a, void* values, void* vectors, int32_t* infos);
  // The X for which |A X - B| is smallest, in the first rows of B (which has as many as the larger side of A)
  // and below them, of full rank and with more rows than columns, what is left. `ranks` but with Gels,
  // `values` with Gelsd and Gelss.
  void (*lstsq)(DType dtype, const MatrixBatch& a, const MatrixBatch& b, LeastSquares method, double rcond,
                int64_t* ranks, void* values, int32_t* infos);

  // float32 and float64 (core/cpu/linalg/distances.h)
  void (*row_distances)(DType dtype, const RowDistances& how, const void* x1, const void* x2, void* result);

  // ---- convolution and pooling; every input has kReadableTail readable bytes behind it
  // Whether there is one for float32, float64 and, but for the weight gradient, int64, which stand for the
  // others.
  bool (*has_convolution)(DType dtype);
  void (*convolution)(DType dtype, const ConvShape& shape, const void* input, const void* weight,
                      const void* bias, void* output);
  // `bias`, which may be null, is added to every element: a transposed convolution has one.
  void (*convolution_input_gradient)(DType dtype, const ConvShape& shape, const void* grad_output,
                                     const void* weight, const void* bias, void* grad_input);
  void (*convolution_weight_gradient)(DType dtype, const ConvShape& shape, const void* input,
                                      const void* grad_output, void* grad_weight);
  bool (*has_max_pool)(DType dtype);
  void (*max_pool)(DType dtype, const PoolShape& shape, const void* input, void* output, void* index,
                   PoolIndex kind);
  void (*max_pool_backward)(DType dtype, const PoolShape& shape, const void* grad_output, const void* index,
                            PoolIndex kind, void* grad_input);
  void (*max_pool_gather)(DType dtype, const PoolShape& shape, const void* input, const void* index,
                          PoolIndex kind, void* output);
  // The maxima of windows of their own, with their positions; float32 and float64.
  void (*max_pool_windows)(DType dtype, const PoolWindows& windows, const void* input, void* output,
                           int64_t* positions);
  bool (*has_mean_pool)(DType dtype);  // for integers, forward alone
  void (*mean_pool)(DType dtype, const PoolWindows& windows, const void* input, void* output);
  void (*mean_pool_backward)(DType dtype, const PoolWindows& windows, const void* grad_output,
                             void* grad_input);

  // ---- images of another size; float32, float64 and bytes
  void (*resample)(DType dtype, const Resampling& resampling, const void* input, void* output);
  // ---- images looked up by a grid; float32 and float64. Either gradient may be null, and with the grid's
  // also the input.
  void (*grid_sample)(DType dtype, const GridSampling& sampling, const void* input, const void* grid,
                      void* output);
  void (*grid_sample_backward)(DType dtype, const GridSampling& sampling, const void* grad_output,
                               const void* input, const void* grid, void* grad_input, void* grad_grid);

  // ---- indexing (core/cpu/indexing/index.h)
  void (*gather_blocks)(const IndexedBlocks& blocks, const char* strided, char* dense);
  void (*scatter_blocks)(const IndexedBlocks& blocks, char* strided, const char* dense, bool distinct);
  // strided = op(strided, dense), block after block. Max and Min: not for complex numbers.
  void (*combine_blocks)(DType dtype, ScatterOp op, const IndexedBlocks& blocks, char* strided,
                         const char* dense);
  int64_t (*add_offsets)(const int64_t* positions, int64_t n, int64_t size, bool wrap, int64_t stride,
                         bool first, int64_t* offsets,
                         int64_t* linear);  // -1: all are good, or nobody can look
  int64_t (*wrap_positions)(const int64_t* positions, int64_t n, int64_t size, bool wrap,
                            int64_t* wrapped);  // likewise
  // Looks at the index as it reads: the place of the first that is out of range (nothing is read there), or
  // -1.
  int64_t (*gather_elements)(size_t item_size, const IndexedElements& elements, const char* self,
                             char* other);
  // Likewise, but what comes before a bad index may have been written.
  int64_t (*scatter_elements)(DType dtype, ScatterOp op, const IndexedElements& elements, char* self,
                              const char* other);
  // float32 and float64; the numbers must be good. `factors`, one for each number, may be null.
  void (*sum_bags)(DType dtype, const RowBags& bags, const void* table, const void* factors, void* sums);
  // And whose row the maximum is; 0 and -1 in an empty bag.
  void (*max_bags)(DType dtype, const RowBags& bags, const void* table, void* maxima, int64_t* chosen);
  // Adds to each row what comes from its bags' sums, times the factors.
  void (*spread_bags)(DType dtype, const RowBags& bags, const void* grad_sums, const void* factors,
                      void* grad_table);
  // For each number the inner product of its row and its bag's.
  void (*dot_bags)(DType dtype, const RowBags& bags, const void* grad_sums, const void* table, void* dots);
  std::vector<int64_t> (*mask_starts)(const uint8_t* mask, int64_t n);
  void (*compress)(size_t item_size, const char* in, const uint8_t* mask, int64_t n,
                   const std::vector<int64_t>& starts, char* out);
  void (*decompress)(size_t item_size, const char* in, const uint8_t* mask, int64_t n,
                     const std::vector<int64_t>& starts, char* out);
  void (*true_positions)(const uint8_t* mask, int64_t n, const std::vector<int64_t>& starts, int64_t* out);
  void (*true_coordinates)(const uint8_t* mask, int64_t n, const std::vector<int64_t>& starts, int dims,
                           const int64_t* sizes, int64_t* out);

  // ---- Fourier transforms of lines of `real` numbers, or of pairs of them
  void (*fourier)(DType real, const FourierLines& lines, const void* in, void* out);

  // ---- moving elements about (core/cpu/views/moves.h)
  void (*interleave_rows)(std::span<const Piece> pieces, int64_t rows, char* out);
  void (*copy_stepped_rows)(const SteppedRows& rows, int64_t numel, const char* start, char* out);
  void (*add_through)(DType dtype, const StridedWindow& window, const void* items, void* buffer);
  void (*divide_by_counts)(DType dtype, const StridedWindow& window, int64_t extent, void* buffer,
                           int32_t* counts);
  void (*unfold_images)(size_t item, const ImageBlocks& blocks, const char* images, char* columns);
  // Elements of blocks that meet in a pixel add up.
  void (*fold_images)(DType dtype, const ImageBlocks& blocks, const char* columns, char* images);
  void (*extend)(size_t item, const Extension& extension, const char* input, const char* constant,
                 char* output);
  // Each element of the input gets the sum of its copies.
  void (*extend_backward)(DType dtype, const Extension& extension, const char* grad_output, char* grad_input);
  void (*keep_triangle)(Triangle triangle, char* matrices, int64_t count, int64_t rows, int64_t columns,
                        int64_t diagonal, size_t item);

  // ---- sorted order (core/backend/sort.h); indices count along the row
  bool (*can_sort)(DType dtype);
  // Bytes to be handed to the entries below.
  size_t (*sort_workspace)(SortShape shape);
  void (*sort)(DType dtype, SortShape shape, bool descending, const void* items, void* values,
               int64_t* indices, void* workspace);
  void (*top_k)(DType dtype, SortShape shape, int64_t k, bool largest, const void* items, void* values,
                int64_t* indices, void* workspace);
  void (*select_rank)(DType dtype, SortShape shape, Rank rank, int64_t k, const void* items, void* values,
                      int64_t* indices, void* workspace);
  void (*mode)(DType dtype, SortShape shape, const void* items, void* values, int64_t* indices,
               void* workspace);
  int64_t (*unique)(DType dtype, int64_t n, const void* items, const UniqueResults& results, void* workspace);
  // The same for the rows of a contiguous matrix, in the order of their first differing elements.
  int64_t (*unique_rows)(DType dtype, int64_t rows, int64_t columns, const void* items,
                         const UniqueResults& results);
  void (*search_sorted)(DType dtype, const SortedSearch& search, int64_t* places);
  // counts[number] += 1 for the numbers from 0 to limit - 1; which numbers there are.
  SmallCounts (*count_small)(const int64_t* numbers, int64_t n, int64_t limit, int64_t* counts);
  // counts[number] += weight (of `dtype`, or null: ones, into int64).
  void (*count_values)(const int64_t* numbers, int64_t n, DType dtype, const void* weights, void* counts);
  void (*histogram)(DType dtype, const Histogram& histogram, void* counts);

  // ---- optimizers
  void (*sgd)(const OptimStep& step, const SgdOptions& options);
  void (*adam)(const OptimStep& step, const AdamOptions& options);
  void (*update)(const OptimStep& step, const UpdateOptions& options);
};

extern const Row* rows[kDeviceTypes];  // null: no such device in this build
extern const Row cpu_row, meta_row;

// What the device `meta` was asked for: it computes and stores nothing, but counts the multiplications of
// products and convolutions (each with its addition), and the bytes that its tensors stand for. Tensors
// without memory may be of any size: the counts wrap around.
struct MetaStats {
  uint64_t multiply_adds = 0, live_bytes = 0, peak_bytes = 0;
};
extern MetaStats meta_stats;

inline const Row& current() { return *rows[static_cast<int>(current_device)]; }

}  // namespace flambeau::backend
