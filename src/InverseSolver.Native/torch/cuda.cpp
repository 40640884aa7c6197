// Compiled only against a libtorch that has CUDA.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "internal.h"

using namespace inv;

struct inv_stream_s : handle<magic::stream> {
  c10::cuda::CUDAStream value;
  explicit inv_stream_s(c10::cuda::CUDAStream s) : value(s) {}
};

struct inv_graph_s : handle<magic::graph> {
  at::cuda::CUDAGraph value;
};

namespace {

c10::DeviceIndex cuda_index(int32_t device) {
  if (device < 0 || device >= inv_cuda_count()) throw invalid("device: no CUDA device with index " + std::to_string(device));
  return static_cast<c10::DeviceIndex>(device);
}

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

}  // namespace

int32_t inv_built_with_cuda() noexcept { return 1; }

inv_status inv_cuda_name(int32_t device, char* buffer, int64_t capacity) noexcept {
  return guarded([&] {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, cuda_index(device)));
    copy_text(properties.name, buffer, capacity);
  });
}

inv_status inv_cuda_memory(int32_t device, inv_memory* out) noexcept {
  return guarded([&] {
    inv_memory& m = required(out, "out");
    const c10::cuda::CUDAGuard guard(cuda_index(device));
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(cuda_index(device));
    m.allocated = stats.allocated_bytes[0].current;
    m.peak_allocated = stats.allocated_bytes[0].peak;
    m.reserved = stats.reserved_bytes[0].current;
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total));
    m.free_on_device = static_cast<int64_t>(free);
    m.total_on_device = static_cast<int64_t>(total);
  });
}

inv_status inv_cuda_memory_reset_peak(int32_t device) noexcept {
  return guarded([&] { c10::cuda::CUDACachingAllocator::resetPeakStats(cuda_index(device)); });
}

inv_status inv_cuda_empty_cache() noexcept {
  return guarded([&] { c10::cuda::CUDACachingAllocator::emptyCache(); });
}

inv_status inv_cuda_memory_limit(int32_t device, double share) noexcept {
  return guarded([&] {
    if (!(share > 0 && share <= 1)) throw invalid("share: not in (0, 1]");
    c10::cuda::CUDACachingAllocator::setMemoryFraction(share, cuda_index(device));
  });
}

inv_status inv_cuda_synchronize(int32_t device) noexcept {
  return guarded([&] {
    const c10::cuda::CUDAGuard guard(cuda_index(device));
    c10::cuda::device_synchronize();
  });
}

inv_status inv_stream_new(int32_t device, inv_stream* out) noexcept {
  return guarded([&] { required(out, "out") = new inv_stream_s(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, cuda_index(device))); });
}

inv_status inv_stream_use(inv_stream stream, int32_t device) noexcept {
  return guarded([&] {
    c10::cuda::setCurrentCUDAStream(stream == nullptr ? c10::cuda::getDefaultCUDAStream(cuda_index(device)) : checked(stream, magic::stream, "stream").value);
  });
}

inv_status inv_stream_synchronize(inv_stream stream) noexcept {
  return guarded([&] { checked(stream, magic::stream, "stream").value.synchronize(); });
}

void inv_stream_free(inv_stream stream) noexcept {
  if (stream != nullptr && stream->kind == magic::stream) delete stream;
}

inv_status inv_graph_new(inv_graph* out) noexcept {
  return guarded([&] { required(out, "out") = new inv_graph_s(); });
}

inv_status inv_graph_begin(inv_graph graph, inv_graph share) noexcept {
  return guarded([&] {
    auto& g = checked(graph, magic::graph, "graph").value;
    const at::cuda::MempoolId_t pool = share == nullptr ? at::cuda::MempoolId_t{0, 0} : checked(share, magic::graph, "share").value.pool();
#if INV_TORCH_AT_LEAST(2, 1)
    g.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
#else
    g.capture_begin(pool);
#endif
  });
}

inv_status inv_graph_end(inv_graph graph) noexcept {
  return guarded([&] { checked(graph, magic::graph, "graph").value.capture_end(); });
}

inv_status inv_graph_replay(inv_graph graph) noexcept {
  return guarded([&] { checked(graph, magic::graph, "graph").value.replay(); });
}

void inv_graph_free(inv_graph graph) noexcept {
  if (graph != nullptr && graph->kind == magic::graph) delete graph;
}
