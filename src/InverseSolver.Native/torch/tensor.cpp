#include <torch/csrc/autograd/autograd.h>

#include "internal.h"
#if INV_TORCH_AT_LEAST(2, 1)
#include <ATen/core/Generator.h>
#endif
#include <ATen/CPUGeneratorImpl.h>

using namespace inv;

std::atomic<int64_t> inv_tensor_s::live{0};

namespace inv {

at::Tensor& tensor_of(inv_tensor t, const char* what) { return checked(t, magic::tensor, what).value; }

inv_tensor new_tensor(at::Tensor t) { return new inv_tensor_s(std::move(t)); }

at::Device device_of(int32_t type, int32_t index) {
  if (type == static_cast<int32_t>(c10::DeviceType::CPU)) return at::Device(at::kCPU);
  if (type != static_cast<int32_t>(c10::DeviceType::CUDA)) throw invalid("device: neither CPU nor CUDA");
  if (inv_cuda_count() == 0) throw unsupported("device: this libtorch finds no CUDA device");
  if (index < -1 || index >= inv_cuda_count()) throw invalid("device: no CUDA device with index " + std::to_string(index));
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace inv

namespace {

// Elements and bytes of a shape, with every product checked.
int64_t bytes_of(const int64_t* sizes, int32_t dim, int32_t dtype) {
  if (dim < 0 || dim > INV_MAX_DIM) throw invalid("dim: " + std::to_string(dim) + " is not in 0.." + std::to_string(INV_MAX_DIM));
  if (dim > 0 && sizes == nullptr) throw invalid("sizes: null pointer");
  check_dtype(dtype);
  int64_t bytes = static_cast<int64_t>(c10::elementSize(static_cast<c10::ScalarType>(dtype)));
  for (int32_t i = 0; i < dim; ++i) {
    if (sizes[i] < 0) throw invalid("sizes: negative");
    if (__builtin_mul_overflow(bytes, sizes[i], &bytes)) throw invalid("sizes: too large");
  }
  return bytes;
}

}  // namespace

inv_status inv_tensor_from_host(const void* data, int64_t bytes, int32_t dtype, const int64_t* sizes, int32_t dim, inv_tensor* out) noexcept {
  return guarded([&] {
    required(out, "out");
    if (bytes_of(sizes, dim, dtype) != bytes) throw invalid("bytes: not what shape and dtype need");
    if (bytes > 0) required(static_cast<const char*>(data), "data");
    at::Tensor t = at::empty(at::IntArrayRef(sizes, static_cast<size_t>(dim)), at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype)));
    if (bytes > 0) std::memcpy(t.data_ptr(), data, static_cast<size_t>(bytes));
    *out = new_tensor(std::move(t));
  });
}

inv_status inv_tensor_to_host(inv_tensor tensor, void* data, int64_t bytes) noexcept {
  return guarded([&] {
    at::Tensor t = tensor_of(tensor, "tensor").detach().resolve_conj().resolve_neg().cpu().contiguous();
    if (static_cast<int64_t>(t.nbytes()) != bytes) throw invalid("bytes: the tensor holds " + std::to_string(t.nbytes()));
    if (bytes > 0) std::memcpy(&required(static_cast<char*>(data), "data"), t.data_ptr(), static_cast<size_t>(bytes));
  });
}

inv_status inv_tensor_info_get(inv_tensor tensor, inv_tensor_info* out) noexcept {
  return guarded([&] {
    const at::Tensor& t = tensor_of(tensor, "tensor");
    inv_tensor_info& info = required(out, "out");
    if (t.dim() > INV_MAX_DIM) throw unsupported("tensor: more than " + std::to_string(INV_MAX_DIM) + " dimensions");
    info.dtype = static_cast<int32_t>(t.scalar_type());
    info.device_type = static_cast<int32_t>(t.device().type());
    info.device_index = t.device().index();
    info.dim = static_cast<int32_t>(t.dim());
    info.requires_grad = t.requires_grad();
    info.is_contiguous = t.is_contiguous();
    info.numel = t.numel();
    std::copy_n(t.sizes().data(), t.dim(), info.sizes);
  });
}

void inv_tensor_free(inv_tensor tensor) noexcept {
  if (tensor != nullptr && tensor->kind == magic::tensor) delete tensor;
}

int64_t inv_tensor_live_count() noexcept { return inv_tensor_s::live.load(std::memory_order_relaxed); }

inv_status inv_grad(const inv_tensor* outputs, const inv_tensor* cotangents, int32_t n_outputs, const inv_tensor* inputs, int32_t n_inputs,
                    int32_t retain_graph, inv_tensor* grads) noexcept {
  return guarded([&] {
    if (n_outputs <= 0 || n_inputs <= 0) throw invalid("outputs, inputs: at least one of each");
    required(outputs, "outputs");
    required(cotangents, "cotangents");
    required(inputs, "inputs");
    required(grads, "grads");
    torch::autograd::variable_list out, cotangent, in;
    for (int32_t i = 0; i < n_outputs; ++i) {
      out.push_back(tensor_of(outputs[i], "outputs"));
      cotangent.push_back(tensor_of(cotangents[i], "cotangents"));
    }
    for (int32_t i = 0; i < n_inputs; ++i) in.push_back(tensor_of(inputs[i], "inputs"));
    auto result = torch::autograd::grad(out, in, cotangent, retain_graph != 0, /*create_graph=*/false, /*allow_unused=*/true);
    std::vector<std::unique_ptr<inv_tensor_s>> made;
    for (auto& g : result) made.push_back(g.defined() ? std::make_unique<inv_tensor_s>(std::move(g)) : nullptr);
    for (int32_t i = 0; i < n_inputs; ++i) grads[i] = made[static_cast<size_t>(i)].release();
  });
}

int32_t inv_grad_mode_set(int32_t enabled) noexcept {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(enabled != 0);
  return before;
}

int32_t inv_grad_mode_get() noexcept { return c10::GradMode::is_enabled(); }

inv_status inv_generator_new(int32_t device_type, int32_t device_index, uint64_t seed, inv_generator* out) noexcept {
  return guarded([&] {
    required(out, "out");
    const at::Device device = device_of(device_type, device_index);
    at::Generator g = device.is_cpu() ? at::detail::createCPUGenerator(seed) : at::globalContext().defaultGenerator(device).clone();
    if (!device.is_cpu()) g.set_current_seed(seed);
    *out = new inv_generator_s(std::move(g));
  });
}

inv_status inv_generator_get_state(inv_generator generator, inv_tensor* out) noexcept {
  return guarded([&] {
    required(out, "out");
    *out = new_tensor(checked(generator, magic::generator, "generator").value.get_state());
  });
}

inv_status inv_generator_set_state(inv_generator generator, inv_tensor state) noexcept {
  return guarded([&] { checked(generator, magic::generator, "generator").value.set_state(tensor_of(state, "state")); });
}

void inv_generator_free(inv_generator generator) noexcept {
  if (generator != nullptr && generator->kind == magic::generator) delete generator;
}
