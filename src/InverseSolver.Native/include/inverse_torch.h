// The C ABI over libtorch. Any ATen operator is called through PyTorch's dispatcher, by name and overload.
//
// Every function is noexcept. Those that return inv_status leave their out parameters untouched when they fail, and keep a message
// for the calling thread (inv_last_error). Handles are owned by the caller and freed with the function of their kind; they may be
// freed in any order and on any thread. A handle of a wrong kind, or null, is an error. Out parameters marked "new" are handles that
// the caller then owns.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
#define INV_NOEXCEPT noexcept
extern "C" {
#else
#define INV_NOEXCEPT
#endif

#define INV_API __attribute__((visibility("default")))
#define INV_MAX_DIM 16
#define INV_MAX_ARGS 64

typedef enum inv_status { inv_ok = 0, inv_failed = 1, inv_out_of_memory = 2, inv_invalid = 3, inv_unsupported = 4 } inv_status;

typedef struct inv_tensor_s* inv_tensor;
typedef struct inv_generator_s* inv_generator;
typedef struct inv_module_s* inv_module;
typedef struct inv_op_s* inv_op;
typedef struct inv_stream_s* inv_stream;
typedef struct inv_graph_s* inv_graph;

// What an inv_value holds, and in which of its fields.
typedef enum inv_kind {
  inv_none = 0,
  inv_default = 1,               // the schema's default
  inv_tensor_kind = 2,           // p: inv_tensor
  inv_int = 3,                   // i; also dtypes, layouts and memory formats by PyTorch's numbers
  inv_double = 4,                // d
  inv_bool = 5,                  // i
  inv_complex = 6,               // d, im
  inv_string = 7,                // p: UTF-8, count bytes
  inv_device = 8,                // i: device type by PyTorch's numbers, count: index or -1
  inv_generator_kind = 9,        // p: inv_generator
  inv_int_list = 10,             // p: int64_t[count]
  inv_double_list = 11,          // p: double[count]
  inv_bool_list = 12,            // p: uint8_t[count]
  inv_tensor_list = 13,          // p: inv_tensor[count]
  inv_optional_tensor_list = 14  // p: inv_tensor[count], null for absent
} inv_kind;

typedef struct inv_value {
  int32_t kind;
  int32_t reserved;
  int64_t count;
  union {
    int64_t i;
    double d;
    const void* p;
  };
  double im;
} inv_value;

typedef struct inv_tensor_info {
  int32_t dtype;  // PyTorch's number
  int32_t device_type;
  int32_t device_index;
  int32_t dim;
  int32_t requires_grad;
  int32_t is_contiguous;
  int64_t numel;
  int64_t sizes[INV_MAX_DIM];
} inv_tensor_info;

typedef struct inv_memory {
  int64_t allocated;
  int64_t peak_allocated;
  int64_t reserved;
  int64_t free_on_device;
  int64_t total_on_device;
} inv_memory;

// The message of this thread's last failure; valid until its next one.
INV_API const char* inv_last_error(void) INV_NOEXCEPT;

// Operators. The handle lives as long as the process and is the same for the same operator.
INV_API inv_status inv_op_find(const char* name, const char* overload, inv_op* out) INV_NOEXCEPT;
INV_API inv_status inv_op_schema(inv_op op, char* buffer, int64_t capacity) INV_NOEXCEPT;
// Fills outs with at most max_outs results (new handles; lists as new arrays, see inv_array_free) and sets *n_outs to their true number;
// results beyond max_outs are dropped. Trailing arguments that are left out take the schema's defaults.
INV_API inv_status inv_op_call(inv_op op, const inv_value* args, int32_t n_args, inv_value* outs, int32_t max_outs, int32_t* n_outs) INV_NOEXCEPT;
// Frees the array of a list result, not the tensors in it.
INV_API void inv_array_free(const void* array) INV_NOEXCEPT;

// Tensors.
INV_API inv_status inv_tensor_from_host(const void* data, int64_t bytes, int32_t dtype, const int64_t* sizes, int32_t dim, inv_tensor* out) INV_NOEXCEPT;
INV_API inv_status inv_tensor_to_host(inv_tensor tensor, void* data, int64_t bytes) INV_NOEXCEPT;
INV_API inv_status inv_tensor_info_get(inv_tensor tensor, inv_tensor_info* out) INV_NOEXCEPT;
INV_API void inv_tensor_free(inv_tensor tensor) INV_NOEXCEPT;
INV_API int64_t inv_tensor_live_count(void) INV_NOEXCEPT;

// Gradients of sum_k <outputs[k], cotangents[k]> by inputs; an input that does not matter gives a null handle. grads: new, n_inputs of them.
INV_API inv_status inv_grad(const inv_tensor* outputs, const inv_tensor* cotangents, int32_t n_outputs, const inv_tensor* inputs,
                            int32_t n_inputs, int32_t retain_graph, inv_tensor* grads) INV_NOEXCEPT;
// Gradient mode of this thread; returns the mode before.
INV_API int32_t inv_grad_mode_set(int32_t enabled) INV_NOEXCEPT;
INV_API int32_t inv_grad_mode_get(void) INV_NOEXCEPT;

// Random number generators.
INV_API inv_status inv_generator_new(int32_t device_type, int32_t device_index, uint64_t seed, inv_generator* out) INV_NOEXCEPT;
INV_API inv_status inv_generator_get_state(inv_generator generator, inv_tensor* out) INV_NOEXCEPT;
INV_API inv_status inv_generator_set_state(inv_generator generator, inv_tensor state) INV_NOEXCEPT;
INV_API void inv_generator_free(inv_generator generator) INV_NOEXCEPT;

// TorchScript. A module is loaded for inference: its parameters take no gradients, its arguments do.
INV_API inv_status inv_module_load(const char* path, int32_t device_type, int32_t device_index, inv_module* out) INV_NOEXCEPT;
INV_API inv_status inv_module_schema(inv_module module, const char* method, char* buffer, int64_t capacity) INV_NOEXCEPT;
INV_API inv_status inv_module_forward(inv_module module, const char* method, const inv_value* args, int32_t n_args, inv_value* outs, int32_t max_outs, int32_t* n_outs) INV_NOEXCEPT;
INV_API void inv_module_free(inv_module module) INV_NOEXCEPT;

// Threads, devices, switches.
INV_API const char* inv_version(void) INV_NOEXCEPT;
INV_API inv_status inv_config(char* buffer, int64_t capacity) INV_NOEXCEPT;  // how libtorch was built, its CPU capability
INV_API int32_t inv_threads_get(void) INV_NOEXCEPT;
INV_API inv_status inv_threads_set(int32_t count) INV_NOEXCEPT;
INV_API int32_t inv_built_with_cuda(void) INV_NOEXCEPT;
INV_API int32_t inv_cuda_count(void) INV_NOEXCEPT;
INV_API inv_status inv_cuda_name(int32_t device, char* buffer, int64_t capacity) INV_NOEXCEPT;
INV_API inv_status inv_cuda_memory(int32_t device, inv_memory* out) INV_NOEXCEPT;
INV_API inv_status inv_cuda_memory_reset_peak(int32_t device) INV_NOEXCEPT;
INV_API inv_status inv_cuda_empty_cache(void) INV_NOEXCEPT;
INV_API inv_status inv_cuda_synchronize(int32_t device) INV_NOEXCEPT;

typedef enum inv_switch {
  inv_deterministic_algorithms = 0,
  inv_cudnn_benchmark = 1,
  inv_tf32_matmul = 2,
  inv_tf32_cudnn = 3
} inv_switch;
INV_API inv_status inv_switch_set(int32_t which, int32_t on) INV_NOEXCEPT;
INV_API inv_status inv_switch_get(int32_t which, int32_t* on) INV_NOEXCEPT;

// Streams and graphs; inv_unsupported without CUDA.
INV_API inv_status inv_stream_new(int32_t device, inv_stream* out) INV_NOEXCEPT;
// Makes it this thread's current stream; null: the device's default stream.
INV_API inv_status inv_stream_use(inv_stream stream, int32_t device) INV_NOEXCEPT;
INV_API inv_status inv_stream_synchronize(inv_stream stream) INV_NOEXCEPT;
INV_API void inv_stream_free(inv_stream stream) INV_NOEXCEPT;
INV_API inv_status inv_graph_new(inv_graph* out) INV_NOEXCEPT;
INV_API inv_status inv_graph_begin(inv_graph graph) INV_NOEXCEPT;  // captures what this thread's current stream (not the default one) is given
INV_API inv_status inv_graph_end(inv_graph graph) INV_NOEXCEPT;
INV_API inv_status inv_graph_replay(inv_graph graph) INV_NOEXCEPT;
INV_API void inv_graph_free(inv_graph graph) INV_NOEXCEPT;

#ifdef __cplusplus
}
#endif
