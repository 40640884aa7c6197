#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "internal.h"

using namespace inv;

namespace {

enum class expects : uint8_t { tensor, optional_tensor, integer, optional_integer, number, optional_number, real, optional_real, boolean, optional_boolean, int_list, other };

// What an argument of this type takes without a look at its IValue's type; everything else goes through PyTorch's own check.
expects expectation(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType: return expects::tensor;
    case c10::TypeKind::IntType: return expects::integer;
    case c10::TypeKind::NumberType: return expects::number;
    case c10::TypeKind::FloatType: return expects::real;
    case c10::TypeKind::BoolType: return expects::boolean;
    case c10::TypeKind::ListType: return type.castRaw<c10::ListType>()->getElementType()->kind() == c10::TypeKind::IntType ? expects::int_list : expects::other;
    case c10::TypeKind::OptionalType:
      switch (type.castRaw<c10::OptionalType>()->getElementType()->kind()) {
        case c10::TypeKind::TensorType: return expects::optional_tensor;
        case c10::TypeKind::IntType: return expects::optional_integer;
        case c10::TypeKind::NumberType: return expects::optional_number;
        case c10::TypeKind::FloatType: return expects::optional_real;
        case c10::TypeKind::BoolType: return expects::optional_boolean;
        default: return expects::other;
      }
    default: return expects::other;
  }
}

bool surely_fits(const c10::IValue& v, expects e) {
  switch (e) {
    case expects::optional_tensor: if (v.isNone()) return true; [[fallthrough]];
    case expects::tensor: return v.isTensor() && v.toTensor().defined();
    case expects::optional_integer: if (v.isNone()) return true; [[fallthrough]];
    case expects::integer: return v.isInt();
    case expects::optional_number: if (v.isNone()) return true; [[fallthrough]];
    case expects::number: return v.isInt() || v.isDouble() || v.isComplexDouble() || v.isBool();
    case expects::optional_real: if (v.isNone()) return true; [[fallthrough]];
    case expects::real: return v.isDouble();
    case expects::optional_boolean: if (v.isNone()) return true; [[fallthrough]];
    case expects::boolean: return v.isBool();
    case expects::int_list: return v.isIntList();
    default: return false;
  }
}

const c10::Type* list_element(const c10::Type& type, int32_t* fixed_size, const c10::Argument& argument) {
  const c10::Type* t = &type;
  if (t->kind() == c10::TypeKind::OptionalType) t = t->castRaw<c10::OptionalType>()->getElementType().get();
  if (t->kind() != c10::TypeKind::ListType) return nullptr;
  *fixed_size = argument.N() ? *argument.N() : 0;
  return t->castRaw<c10::ListType>()->getElementType().get();
}

c10::TypeKind scalar_kind(const c10::Type& type) {
  return type.kind() == c10::TypeKind::OptionalType ? type.castRaw<c10::OptionalType>()->getElementType()->kind() : type.kind();
}

}  // namespace

struct inv_op_s {
  c10::OperatorHandle op;
  const c10::FunctionSchema& schema;
  std::vector<expects> expected;

  explicit inv_op_s(c10::OperatorHandle handle) : op(std::move(handle)), schema(op.schema()) {
    for (const auto& a : schema.arguments()) expected.push_back(expectation(*a.type()));
  }

  // The coercions of numbers that Python makes too: an int for a float, for float[] elements, one number for int[2].
  void coerce(c10::IValue& v, size_t i) const {
    const c10::Argument& argument = schema.arguments()[i];
    const c10::Type& type = *argument.type();
    if (v.isInt() && scalar_kind(type) == c10::TypeKind::FloatType) {
      v = static_cast<double>(v.toInt());
      return;
    }
    int32_t fixed = 0;
    const c10::Type* element = list_element(type, &fixed, argument);
    if (element == nullptr) return;
    if (v.isInt() && fixed > 0 && element->kind() == c10::TypeKind::IntType) {
      v = std::vector<int64_t>(static_cast<size_t>(fixed), v.toInt());
    } else if (v.isIntList() && element->kind() == c10::TypeKind::FloatType) {
      std::vector<double> reals;
      for (int64_t n : v.toIntVector()) reals.push_back(static_cast<double>(n));
      v = std::move(reals);
    } else if (v.isTensorList() && element->kind() == c10::TypeKind::OptionalType) {
      c10::List<inv::optional<at::Tensor>> tensors;
      for (const at::Tensor& t : v.toTensorVector()) tensors.push_back(t);
      v = std::move(tensors);
    }
  }

  std::vector<c10::IValue> stack_of(const inv_value* args, int32_t n_args) const {
    const auto& arguments = schema.arguments();
    std::vector<c10::IValue> stack;
    stack.reserve(std::max<size_t>(arguments.size(), static_cast<size_t>(n_args)));
    bool sure = static_cast<size_t>(n_args) <= arguments.size();
    for (size_t i = 0; i < static_cast<size_t>(n_args); ++i) {
      if (args[i].kind == inv_default && i < arguments.size()) {
        if (!arguments[i].default_value()) throw invalid(schema.name() + ": argument '" + arguments[i].name() + "' has no default");
        stack.push_back(*arguments[i].default_value());
        continue;
      }
      stack.push_back(to_ivalue(args[i]));
      if (i >= arguments.size()) continue;
      if (surely_fits(stack.back(), expected[i])) continue;
      coerce(stack.back(), i);
      sure = sure && surely_fits(stack.back(), expected[i]);
    }
    for (size_t i = static_cast<size_t>(n_args); sure && i < arguments.size(); ++i) {
      if (arguments[i].default_value()) stack.push_back(*arguments[i].default_value());
      else sure = false;
    }
    // callBoxed checks nothing. What is not sure to fit is checked here and fails in PyTorch's own words.
    if (!sure) schema.checkAndNormalizeInputs(stack, {});
    return stack;
  }
};

namespace inv {

c10::IValue to_ivalue(const inv_value& v) {
  auto list = [&](const char* what) {
    if (v.count < 0) throw invalid(std::string(what) + ": negative length");
    if (v.count > 0 && v.p == nullptr) throw invalid(std::string(what) + ": null pointer");
    return static_cast<size_t>(v.count);
  };
  switch (v.kind) {
    case inv_none: return {};
    case inv_default: throw invalid("argument: a default stands where the schema has none");
    case inv_tensor_kind: return tensor_of(static_cast<inv_tensor>(const_cast<void*>(v.p)), "tensor argument");
    case inv_int: return v.i;
    case inv_double: return v.d;
    case inv_bool: return v.i != 0;
    case inv_complex: return c10::complex<double>(v.d, v.im);
    case inv_string: return std::string(static_cast<const char*>(v.p == nullptr ? "" : v.p), list("string"));
    case inv_device: return device_of(static_cast<int32_t>(v.i), static_cast<int32_t>(v.count));
    case inv_generator_kind: return checked(static_cast<inv_generator>(const_cast<void*>(v.p)), magic::generator, "generator argument").value;
    case inv_int_list: {
      const auto n = list("int list");
      const auto* p = static_cast<const int64_t*>(v.p);
      return std::vector<int64_t>(p, p + n);
    }
    case inv_double_list: {
      const auto n = list("double list");
      const auto* p = static_cast<const double*>(v.p);
      return std::vector<double>(p, p + n);
    }
    case inv_bool_list: {
      const auto n = list("bool list");
      c10::List<bool> bools;
      for (size_t i = 0; i < n; ++i) bools.push_back(static_cast<const uint8_t*>(v.p)[i] != 0);
      return bools;
    }
    case inv_tensor_list: {
      const auto n = list("tensor list");
      std::vector<at::Tensor> tensors;
      for (size_t i = 0; i < n; ++i) tensors.push_back(tensor_of(static_cast<const inv_tensor*>(v.p)[i], "tensor list"));
      return tensors;
    }
    case inv_optional_tensor_list: {
      const auto n = list("optional tensor list");
      c10::List<inv::optional<at::Tensor>> tensors;
      for (size_t i = 0; i < n; ++i) {
        inv_tensor t = static_cast<const inv_tensor*>(v.p)[i];
        if (t == nullptr) tensors.push_back(inv::optional<at::Tensor>());
        else tensors.push_back(tensor_of(t, "optional tensor list"));
      }
      return tensors;
    }
    default: throw invalid("argument: unknown kind " + std::to_string(v.kind));
  }
}

void release(inv_value& v) noexcept {
  if (v.kind == inv_tensor_kind) inv_tensor_free(static_cast<inv_tensor>(const_cast<void*>(v.p)));
  if (v.kind == inv_tensor_list)
    for (int64_t i = 0; i < v.count; ++i) inv_tensor_free(static_cast<const inv_tensor*>(v.p)[i]);
  if (v.kind == inv_tensor_list || v.kind == inv_int_list || v.kind == inv_double_list || v.kind == inv_string) inv_array_free(v.p);
  v = {};
}

namespace {

template <class T>
const void* new_array(const std::vector<T>& values) {
  void* p = ::operator new(sizeof(T) * std::max<size_t>(values.size(), 1));
  std::copy(values.begin(), values.end(), static_cast<T*>(p));
  return p;
}

}  // namespace

inv_value from_ivalue(const c10::IValue& v) {
  inv_value r{};
  if (v.isTensor()) {
    if (!v.toTensor().defined()) return r;
    r.kind = inv_tensor_kind;
    r.p = new_tensor(v.toTensor());
  } else if (v.isNone()) {
    r.kind = inv_none;
  } else if (v.isBool()) {
    r.kind = inv_bool;
    r.i = v.toBool();
  } else if (v.isInt()) {
    r.kind = inv_int;
    r.i = v.toInt();
  } else if (v.isDouble()) {
    r.kind = inv_double;
    r.d = v.toDouble();
  } else if (v.isComplexDouble()) {
    r.kind = inv_complex;
    r.d = v.toComplexDouble().real();
    r.im = v.toComplexDouble().imag();
  } else if (v.isTensorList()) {
    std::vector<std::unique_ptr<inv_tensor_s>> made;
    for (const at::Tensor& t : v.toTensorVector()) made.push_back(std::make_unique<inv_tensor_s>(t));
    std::vector<inv_tensor> handles;
    for (const auto& t : made) handles.push_back(t.get());
    r.p = new_array(handles);
    for (auto& t : made) t.release();
    r.kind = inv_tensor_list;
    r.count = static_cast<int64_t>(handles.size());
  } else if (v.isIntList()) {
    const auto values = v.toIntVector();
    r.kind = inv_int_list;
    r.count = static_cast<int64_t>(values.size());
    r.p = new_array(values);
  } else if (v.isDoubleList()) {
    const auto values = v.toDoubleVector();
    r.kind = inv_double_list;
    r.count = static_cast<int64_t>(values.size());
    r.p = new_array(values);
  } else {
    throw unsupported("result: of a type that is not passed on (" + v.tagKind() + ")");
  }
  return r;
}

void fill_outs(const std::vector<c10::IValue>& stack, inv_value* outs, int32_t max_outs, int32_t* n_outs) {
  const auto n = std::min<size_t>(stack.size(), static_cast<size_t>(max_outs));
  size_t made = 0;
  inv_value results[INV_MAX_ARGS];
  try {
    for (; made < n; ++made) results[made] = from_ivalue(stack[made]);
  } catch (...) {
    for (size_t i = 0; i < made; ++i) release(results[i]);
    throw;
  }
  std::copy_n(results, n, outs);
  if (n_outs != nullptr) *n_outs = static_cast<int32_t>(stack.size());
}

}  // namespace inv

inv_status inv_op_find(const char* name, const char* overload, inv_op* out) noexcept {
  return guarded([&] {
    required(name, "name");
    required(overload, "overload");
    required(out, "out");
    static std::mutex mutex;
    static std::unordered_map<std::string, std::unique_ptr<inv_op_s>> found;
    const std::string key = std::string(name) + "|" + overload;
    std::lock_guard<std::mutex> lock(mutex);
    auto& slot = found[key];
    if (!slot) {
      auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
      if (!handle) {
        found.erase(key);
        throw unsupported("this libtorch has no operator " + std::string(name) + (*overload ? "." + std::string(overload) : ""));
      }
      slot = std::make_unique<inv_op_s>(*handle);
    }
    *out = slot.get();
  });
}

inv_status inv_op_schema(inv_op op, char* buffer, int64_t capacity) noexcept {
  return guarded([&] { copy_text(c10::toString(required(op, "op").schema), buffer, capacity); });
}

inv_status inv_op_call(inv_op op, const inv_value* args, int32_t n_args, inv_value* outs, int32_t max_outs, int32_t* n_outs) noexcept {
  return guarded([&] {
    required(op, "op");
    if (n_args < 0 || n_args > INV_MAX_ARGS) throw invalid("n_args: not in 0.." + std::to_string(INV_MAX_ARGS));
    if (max_outs < 0 || max_outs > INV_MAX_ARGS) throw invalid("max_outs: not in 0.." + std::to_string(INV_MAX_ARGS));
    if (n_args > 0) required(args, "args");
    if (max_outs > 0) required(outs, "outs");
    auto stack = op->stack_of(args, n_args);
    op->op.callBoxed(&stack);
    fill_outs(stack, outs, max_outs, n_outs);
  });
}

void inv_array_free(const void* array) noexcept { ::operator delete(const_cast<void*>(array)); }
