// Convolutions of bfloat16 as products of matrices, for CPUs that multiply pairs of its numbers.
#pragma once
#include <cstdint>

#include "core/backend/convolution.h"

namespace flambeau::cpu {

using backend::ConvShape;

// Whether there are any here.
bool has_brain_convolution();

void brain_convolution(const ConvShape& shape, const uint16_t* input, const uint16_t* weight,
                       const uint16_t* bias, uint16_t* output);
// `bias`, which may be null, is added to every element.
void brain_input_gradient(const ConvShape& shape, const uint16_t* grad_output, const uint16_t* weight,
                          const uint16_t* bias, uint16_t* grad_input);
void brain_weight_gradient(const ConvShape& shape, const uint16_t* input, const uint16_t* grad_output,
                           uint16_t* grad_weight);

}  // namespace flambeau::cpu
