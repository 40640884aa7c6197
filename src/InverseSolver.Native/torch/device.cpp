#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/Context.h>

#include <malloc.h>

#include "internal.h"

using namespace inv;

// Float32 means float32, and the same seed the same bits, until a caller asks for something else.
[[maybe_unused]] static const bool is_exact = [] {
  auto& context = at::globalContext();
  context.setAllowTF32CuBLAS(false);
  context.setAllowTF32CuDNN(false);
  context.setDeterministicCuDNN(true);
  return true;
}();

// By default glibc gives large blocks back to the system with every free, and each tensor of a network's next call pays for fresh pages.
[[maybe_unused]] static const bool keeps_freed_memory = mallopt(M_MMAP_THRESHOLD, 32 << 20) != 0 && mallopt(M_TRIM_THRESHOLD, 512 << 20) != 0;

const char* inv_version() noexcept { return TORCH_VERSION; }

inv_status inv_config(char* buffer, int64_t capacity) noexcept {
  return guarded([&] { copy_text(at::show_config() + "\n" + at::get_parallel_info(), buffer, capacity); });
}

int32_t inv_threads_get() noexcept { return at::get_num_threads(); }

inv_status inv_threads_set(int32_t count) noexcept {
  return guarded([&] {
    if (count < 1) throw invalid("threads: at least 1");
    at::set_num_threads(count);
  });
}

inv_status inv_switch_set(int32_t which, int32_t on) noexcept {
  return guarded([&] {
    auto& context = at::globalContext();
    switch (which) {
      case inv_deterministic_algorithms: context.setDeterministicAlgorithms(on != 0, /*warn_only=*/false); break;
      case inv_cudnn_benchmark: context.setBenchmarkCuDNN(on != 0); break;
      case inv_tf32_matmul: context.setAllowTF32CuBLAS(on != 0); break;
      case inv_tf32_cudnn: context.setAllowTF32CuDNN(on != 0); break;
      default: throw invalid("switch: unknown number " + std::to_string(which));
    }
  });
}

inv_status inv_switch_get(int32_t which, int32_t* on) noexcept {
  return guarded([&] {
    const auto& context = at::globalContext();
    switch (which) {
      case inv_deterministic_algorithms: required(on, "on") = context.deterministicAlgorithms(); break;
      case inv_cudnn_benchmark: required(on, "on") = context.benchmarkCuDNN(); break;
      case inv_tf32_matmul: required(on, "on") = context.allowTF32CuBLAS(); break;
      case inv_tf32_cudnn: required(on, "on") = at::globalContext().allowTF32CuDNN(); break;
      default: throw invalid("switch: unknown number " + std::to_string(which));
    }
  });
}

int32_t inv_cuda_count() noexcept {
  try {
    return at::globalContext().hasCUDA() ? static_cast<int32_t>(at::detail::getCUDAHooks().getNumGPUs()) : 0;
  } catch (...) {
    return 0;
  }
}

#ifndef INVERSE_WITH_CUDA
namespace {
inv_status no_cuda() noexcept { return fail(inv_unsupported, "this native library was built without CUDA"); }
}  // namespace

int32_t inv_built_with_cuda() noexcept { return 0; }
inv_status inv_cuda_name(int32_t, char*, int64_t) noexcept { return no_cuda(); }
inv_status inv_cuda_memory(int32_t, inv_memory*) noexcept { return no_cuda(); }
inv_status inv_cuda_memory_reset_peak(int32_t) noexcept { return no_cuda(); }
inv_status inv_cuda_empty_cache() noexcept { return no_cuda(); }
inv_status inv_cuda_memory_limit(int32_t, double) noexcept { return no_cuda(); }
inv_status inv_cuda_synchronize(int32_t) noexcept { return no_cuda(); }
inv_status inv_stream_new(int32_t, inv_stream*) noexcept { return no_cuda(); }
inv_status inv_stream_use(inv_stream, int32_t) noexcept { return no_cuda(); }
inv_status inv_stream_synchronize(inv_stream) noexcept { return no_cuda(); }
void inv_stream_free(inv_stream) noexcept {}
inv_status inv_graph_new(inv_graph*) noexcept { return no_cuda(); }
inv_status inv_graph_begin(inv_graph, inv_graph) noexcept { return no_cuda(); }
inv_status inv_graph_end(inv_graph) noexcept { return no_cuda(); }
inv_status inv_graph_replay(inv_graph) noexcept { return no_cuda(); }
void inv_graph_free(inv_graph) noexcept {}
#endif
