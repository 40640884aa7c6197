#include <cstdio>

#include "internal.h"

namespace {
thread_local char message[4096];
}

namespace inv {
inv_status fail(inv_status status, const char* text) noexcept {
  std::snprintf(message, sizeof message, "%s", text == nullptr ? "" : text);
  return status;
}
}  // namespace inv

const char* inv_last_error() noexcept { return message; }
