// What the sources of the torch part share. Differences between libtorch versions sit here and nowhere else.
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

#include <atomic>
#include <cstring>

#include "inverse_torch.h"

#define INV_TORCH_AT_LEAST(major, minor) (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace inv {

#if INV_TORCH_AT_LEAST(2, 4)
template <class T>
using optional = std::optional<T>;
#else
template <class T>
using optional = c10::optional<T>;
#endif

inv_status fail(inv_status status, const char* message) noexcept;

struct invalid : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The CPU's allocator, cuBLAS and cuDNN have no exception of their own for it.
inline inv_status failed(const char* text) noexcept {
  const bool memory = std::strstr(text, "can't allocate memory") != nullptr || std::strstr(text, "STATUS_ALLOC_FAILED") != nullptr;
  return fail(memory ? inv_out_of_memory : inv_failed, text);
}

// Nothing may throw across the C boundary.
template <class Body>
inv_status guarded(Body body) noexcept {
  try {
    body();
    return inv_ok;
  } catch (const invalid& e) {
    return fail(inv_invalid, e.what());
  } catch (const unsupported& e) {
    return fail(inv_unsupported, e.what());
  } catch (const c10::OutOfMemoryError& e) {
    return fail(inv_out_of_memory, e.what_without_backtrace());
  } catch (const c10::Error& e) {
    return failed(e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return fail(inv_out_of_memory, "out of memory");
  } catch (const std::exception& e) {
    return failed(e.what());
  } catch (...) {
    return fail(inv_failed, "unknown native exception");
  }
}

// The first word of every handle tells its kind, so that a handle of another kind is an error and not undefined behaviour.
enum class magic : uint64_t { freed = 0, tensor = 0x696e767465736f72, generator = 0x696e7667656e6572, module = 0x696e766d6f64756c, stream = 0x696e767374726561, graph = 0x696e766772617068 };

template <magic Kind>
struct handle {
  magic kind = Kind;
  ~handle() { *const_cast<volatile magic*>(&kind) = magic::freed; }
};

template <class Handle>
Handle& checked(Handle* h, magic kind, const char* what) {
  if (h == nullptr) throw invalid(std::string(what) + ": null handle");
  if (h->kind != kind) throw invalid(std::string(what) + ": not a handle of this kind, or freed");
  return *h;
}

template <class T>
T& required(T* p, const char* what) {
  if (p == nullptr) throw invalid(std::string(what) + ": null pointer");
  return *p;
}

inline void copy_text(const std::string& text, char* buffer, int64_t capacity) {
  if (buffer == nullptr || capacity <= 0) throw invalid("buffer: null or without capacity");
  const auto n = std::min<int64_t>(capacity - 1, static_cast<int64_t>(text.size()));
  std::copy_n(text.data(), n, buffer);
  buffer[n] = 0;
}

inline void check_dtype(int32_t dtype) {
  if (dtype < 0 || dtype >= static_cast<int32_t>(c10::ScalarType::Undefined)) throw invalid("dtype: unknown number " + std::to_string(dtype));
}

at::Device device_of(int32_t type, int32_t index);
at::Tensor& tensor_of(inv_tensor t, const char* what);
inv_tensor new_tensor(at::Tensor t);

c10::IValue to_ivalue(const inv_value& v);
// New handles for what `v` holds; throws for kinds that the ABI does not know.
inv_value from_ivalue(const c10::IValue& v);
void release(inv_value& v) noexcept;
// Fills outs from the results on `stack`; frees what it made so far when one of them cannot be returned.
void fill_outs(const std::vector<c10::IValue>& stack, inv_value* outs, int32_t max_outs, int32_t* n_outs);

}  // namespace inv

struct inv_tensor_s : inv::handle<inv::magic::tensor> {
  at::Tensor value;
  static std::atomic<int64_t> live;
  explicit inv_tensor_s(at::Tensor t) : value(std::move(t)) { live.fetch_add(1, std::memory_order_relaxed); }
  ~inv_tensor_s() { live.fetch_sub(1, std::memory_order_relaxed); }
};

struct inv_generator_s : inv::handle<inv::magic::generator> {
  at::Generator value;
  explicit inv_generator_s(at::Generator g) : value(std::move(g)) {}
};
