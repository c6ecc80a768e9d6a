// Recurrent layers over whole sequences, forward and backward.
//
// The input's part of all steps is one product; a step is the state's part, by weights that are packed once,
// and one pass over the gates. The threads share out the sequences and the directions, each going through all
// steps by itself, or, where there are too few, the columns of each step's product.
#pragma once
#include <cstddef>
#include <span>

#include "core/backend/recurrent.h"
#include "core/tensor/dtype.h"

namespace flambeau::cpu {

using namespace backend;

// Bytes of working memory for either; float32 and float64. `keeps`: the results hold what the derivative
// needs.
size_t recurrent_workspace(DType dtype, const RecurrentShape& shape, bool keeps);
void recurrent_layer(DType dtype, const RecurrentShape& shape, std::span<const RecurrentForward> directions,
                     void* workspace);
size_t recurrent_backward_workspace(DType dtype, const RecurrentShape& shape);
void recurrent_layer_backward(DType dtype, const RecurrentShape& shape,
                              std::span<const RecurrentBackward> directions, void* workspace);

// ---- the kernels, one set per instruction set: single steps, the products done

// Rows of a step. `gates` holds the sums under the nonlinearities and then, of an LSTM and a GRU, what is
// kept.
template <class T>
struct RecurrentRows {
  int64_t rows, hidden;
  T* gates;
  int64_t gates_row;
  T* h;  // before the step (a GRU reads it), and then behind it
  int64_t h_row;
  T* y;  // the same, or null
  int64_t y_row;
  T* c;      // rows x hidden
  T* cells;  // the same behind the step, or null
};
template <class T>
struct RecurrentGradientRows {
  int64_t rows, hidden;
  const T* kept;
  int64_t kept_row;
  const T* h;  // behind the step: of tanh and relu
  int64_t h_row;
  const T* previous_h;  // of a GRU
  int64_t previous_row;
  const T *cells, *previous_cells;  // rows x hidden, of an LSTM
  const T* grad_y;                  // added to grad_h, or null
  int64_t grad_y_row;
  T* grad_h;  // of the state behind the step; of a GRU, overwritten by what passes it by
  int64_t grad_h_row;
  T* grad_c;
  T* grad_gates;  // of the sums under the nonlinearities
  int64_t grad_gates_row;
  T* unprojected;  // what the projection saw, rows x hidden, or null
};
template <class T>
struct RecurrentKernelsOf {
  void (*forward[4])(const RecurrentRows<T>&);  // by Recurrence
  void (*backward[4])(const RecurrentGradientRows<T>&);
};
struct RecurrentKernels {
  RecurrentKernelsOf<float> f32;
  RecurrentKernelsOf<double> f64;
};

namespace baseline {
void fill(RecurrentKernels& kernels);
}
namespace v3 {
void fill(RecurrentKernels& kernels);
}
namespace v4 {
void fill(RecurrentKernels& kernels);
}

}  // namespace flambeau::cpu
