#include "support.h"

#include <atomic>
#include <cstring>
#include <mutex>

namespace inverse {
namespace {

thread_local char message[256] = "";
std::atomic<int64_t> live{0};

void drop_log(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

}  // namespace

void start() {
  static const bool started = [] {
    // libvips reports oddities of files on the error stream: they are their owner's, not the log's.
    g_log_set_handler("VIPS", static_cast<GLogLevelFlags>(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG),
                      drop_log, nullptr);
    if (vips_init("inverse_imaging") != 0) return false;
    vips_block_untrusted_set(TRUE);
    vips_concurrency_set(1);  // images are small, and the cores belong to the networks
    vips_cache_set_max(0);    // no result of one caller outlives its call
    return true;
  }();
  if (!started) failed("libvips could not be started.");
}

inv_imaging_status fail(inv_imaging_status status, const char* text) noexcept {
  std::strncpy(message, text, sizeof message - 1);
  return status;
}

inv_bytes* own(void* data, int64_t size) {
  Memory owned(data);
  inv_bytes* bytes = new inv_bytes{owned.get(), size};
  owned.take();
  ++live;
  return bytes;
}

}  // namespace inverse

using namespace inverse;

const char* inv_imaging_message(void) noexcept { return message; }

inv_imaging_status inv_bytes_size(const inv_bytes* bytes, int64_t* size) noexcept {
  if (bytes == nullptr || size == nullptr) return fail(INV_IMAGING_INVALID_ARGUMENT, "inv_bytes_size: a pointer is null.");
  *size = bytes->size;
  return INV_IMAGING_OK;
}

inv_imaging_status inv_bytes_copy(const inv_bytes* bytes, uint8_t* destination, int64_t size) noexcept {
  if (bytes == nullptr || destination == nullptr) return fail(INV_IMAGING_INVALID_ARGUMENT, "inv_bytes_copy: a pointer is null.");
  if (size != bytes->size) return fail(INV_IMAGING_INVALID_ARGUMENT, "inv_bytes_copy: the size is not that of the bytes.");
  std::memcpy(destination, bytes->data, static_cast<size_t>(size));
  return INV_IMAGING_OK;
}

void inv_bytes_free(inv_bytes* bytes) noexcept {
  if (bytes == nullptr) return;
  g_free(bytes->data);
  delete bytes;
  --live;
}

int64_t inv_bytes_live(void) noexcept { return live; }
