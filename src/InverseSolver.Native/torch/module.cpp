#include <torch/script.h>

#include "internal.h"

using namespace inv;

struct inv_module_s : handle<magic::module> {
  torch::jit::Module value;
  explicit inv_module_s(torch::jit::Module m) : value(std::move(m)) {}
};

inv_status inv_module_load(const char* path, int32_t device_type, int32_t device_index, inv_module* out) noexcept {
  return guarded([&] {
    required(path, "path");
    required(out, "out");
    auto module = torch::jit::load(path, device_of(device_type, device_index));
    module.eval();
    for (at::Tensor parameter : module.parameters()) parameter.set_requires_grad(false);
    *out = new inv_module_s(std::move(module));
  });
}

inv_status inv_module_schema(inv_module module, const char* method, char* buffer, int64_t capacity) noexcept {
  return guarded([&] {
    auto& m = checked(module, magic::module, "module").value;
    required(method, "method");
    const auto found = m.find_method(method);
    if (!found) throw invalid("method: the module has no method '" + std::string(method) + "'");
    copy_text(c10::toString(found->function().getSchema()), buffer, capacity);
  });
}

inv_status inv_module_forward(inv_module module, const char* method, const inv_value* args, int32_t n_args, inv_value* outs, int32_t max_outs,
                              int32_t* n_outs) noexcept {
  return guarded([&] {
    auto& m = checked(module, magic::module, "module").value;
    required(method, "method");
    if (n_args < 0 || n_args > INV_MAX_ARGS) throw invalid("n_args: not in 0.." + std::to_string(INV_MAX_ARGS));
    if (max_outs < 0 || max_outs > INV_MAX_ARGS) throw invalid("max_outs: not in 0.." + std::to_string(INV_MAX_ARGS));
    if (n_args > 0) required(args, "args");
    if (max_outs > 0) required(outs, "outs");
    std::vector<c10::IValue> inputs;
    for (int32_t i = 0; i < n_args; ++i) inputs.push_back(to_ivalue(args[i]));
    const auto found = m.find_method(method);
    if (!found) throw invalid("method: the module has no method '" + std::string(method) + "'");
    // Operator by operator as it was written: the optimiser would profile the first calls and then run others, whose results differ in the last bits.
    torch::jit::GraphOptimizerEnabledGuard as_written(false);
    c10::IValue result = (*found)(std::move(inputs));
    std::vector<c10::IValue> results;
    if (result.isTuple()) results = result.toTupleRef().elements().vec();
    else results.push_back(std::move(result));
    fill_outs(results, outs, max_outs, n_outs);
  });
}

void inv_module_free(inv_module module) noexcept {
  if (module != nullptr && module->kind == magic::module) delete module;
}
