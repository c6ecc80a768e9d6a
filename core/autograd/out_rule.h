// What dtypes an operator accepts for its out=: PyTorch's rule and its words, by operator.
#pragma once
#include <string_view>

#include "core/tensor/dtype.h"

namespace flambeau {

struct OutRule {
  enum class Accepts : unsigned char {
    Castable,   // whatever the result's dtype can be cast to without leaving its category for a lower one
    Same,       // the result's dtype alone
    TruthValue  // bool and uint8
  };
  Accepts accepted;
  bool type_error;  // the refusal is a TypeError, else a RuntimeError
  // The refusal. {result} and {target} stand for the two dtypes as "Float", {c result} and {c target} as
  // "float".
  std::string_view words;
  std::string_view operators;

  // Throws where a result of one dtype is not to be written to a target of another.
  void check(DType result, DType target) const;
};

// The rule of an operator ("_linalg.cross" for one of a namespace) whose second parameter is `second`, which
// tells the overloads of a name apart.
const OutRule& out_rule_of(std::string_view operator_name, std::string_view second);
// That of everything that is not listed; in-place operators are not.
const OutRule& castable_rule();

}  // namespace flambeau
