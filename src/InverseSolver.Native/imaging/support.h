// What every export needs: start-up of libvips, the message of the thread, ownership, and the wall against exceptions.
#pragma once
#include <vips/vips.h>

#include <exception>
#include <new>

#include "inverse_imaging.h"

struct inv_bytes {
  void* data;  // from g_malloc
  int64_t size;
};

namespace inverse {

struct Error {
  inv_imaging_status status;
  const char* message;  // a literal
};

[[noreturn]] inline void bad_argument(const char* message) { throw Error{INV_IMAGING_INVALID_ARGUMENT, message}; }
[[noreturn]] inline void bad_input(const char* message) { throw Error{INV_IMAGING_INVALID_INPUT, message}; }

// libvips keeps one error buffer for the whole process, so its text may belong to another thread's file: messages are ours.
[[noreturn]] inline void failed(const char* message) { throw Error{INV_IMAGING_FAILED, message}; }

void start();  // once per process; throws Error
inv_imaging_status fail(inv_imaging_status status, const char* message) noexcept;
inv_bytes* own(void* data, int64_t size);  // takes data from g_malloc, also when it throws

template <class Body>
inv_imaging_status guarded(Body body) noexcept {
  try {
    start();
    body();
    return INV_IMAGING_OK;
  } catch (const Error& e) {
    vips_error_clear();
    return fail(e.status, e.message);
  } catch (const std::bad_alloc&) {
    return fail(INV_IMAGING_FAILED, "There is not enough memory for the image.");
  } catch (const std::exception& e) {
    return fail(INV_IMAGING_FAILED, e.what());
  } catch (...) {
    return fail(INV_IMAGING_FAILED, "Unknown native exception.");
  }
}

// A counted reference to a libvips image. `out()` receives a new one.
class Image {
 public:
  Image() = default;
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image() { release(); }
  VipsImage** out() { release(); return &image_; }
  VipsImage* get() const { return image_; }
  VipsImage* operator->() const { return image_; }
  void swap(Image& other) { VipsImage* mine = image_; image_ = other.image_; other.image_ = mine; }

 private:
  void release() {
    if (image_ != nullptr) g_object_unref(image_);
    image_ = nullptr;
  }
  VipsImage* image_ = nullptr;
};

// Memory from g_malloc that libvips handed over.
class Memory {
 public:
  explicit Memory(void* data = nullptr) : data_(data) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { g_free(data_); }
  void* get() const { return data_; }
  void** out() { return &data_; }
  void* take() { void* mine = data_; data_ = nullptr; return mine; }

 private:
  void* data_;
};

}  // namespace inverse
