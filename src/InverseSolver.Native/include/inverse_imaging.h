// The C ABI of libinverse_imaging: image files to plain arrays and back, over libvips.
//
// Every function is noexcept and returns a status. After a status other than INV_IMAGING_OK, inv_imaging_message()
// gives the reason to the thread that made the call. Out parameters are written only on success.
// Nothing is kept between calls; calls from several threads need no lock.
#ifndef INVERSE_IMAGING_H
#define INVERSE_IMAGING_H

#include <stdint.h>

#if defined(__cplusplus)
#define INV_NOEXCEPT noexcept
extern "C" {
#else
#define INV_NOEXCEPT
#endif

#define INV_IMAGING_EXPORT __attribute__((visibility("default")))

typedef int32_t inv_imaging_status;
enum {
  INV_IMAGING_OK = 0,
  INV_IMAGING_INVALID_ARGUMENT = 1,  // the caller's bug: a null pointer, a negative size, a value that is not finite
  INV_IMAGING_INVALID_INPUT = 2,     // the file cannot be used; the message may be shown to whoever sent it
  INV_IMAGING_FAILED = 3,            // neither: libvips or the machine failed
};

// What an image file holds. Height and width are those after the EXIF orientation is applied.
typedef struct inv_image_header {
  int32_t format;     // 1 PNG, 2 JPEG, 3 TIFF, 4 WebP
  int32_t channels;   // 1 or 3: what inv_image_decode gives; alpha is not counted, CMYK counts as 3
  int32_t height;
  int32_t width;
  int32_t bits;       // per channel: 8, 16, or 32 for floating point
  int32_t pages;
  int32_t has_alpha;  // 0 or 1
} inv_image_header;

// Bytes that the library allocated. Freed with inv_bytes_free.
typedef struct inv_bytes inv_bytes;

// The reason of this thread's last failure: borrowed, valid until this thread's next call. Never null.
INV_IMAGING_EXPORT const char* inv_imaging_message(void) INV_NOEXCEPT;

// Reads the header only: no pixel is decoded, no memory of the image's size is taken.
INV_IMAGING_EXPORT inv_imaging_status inv_image_header_read(const uint8_t* data, int64_t size, inv_image_header* header) INV_NOEXCEPT;

// Decodes into values, planar (channels, height, width): 8-bit samples over 255, 16-bit samples over 65535, floating point
// as it is. count must be channels * height * width of the header. Refused: more than one page, transparency, values that
// are not finite, samples of other types.
INV_IMAGING_EXPORT inv_imaging_status inv_image_decode(const uint8_t* data, int64_t size, float* values, int64_t count) INV_NOEXCEPT;

// Encodes planar values as PNG of 8 or 16 bits: clipped to [0,1], rounded to nearest. png: new.
INV_IMAGING_EXPORT inv_imaging_status inv_image_encode_png(const float* values, int32_t channels, int32_t height, int32_t width,
                                                           int32_t bits, inv_bytes** png) INV_NOEXCEPT;

// Resizes one plane with an antialiased Lanczos-3 kernel. Results may overshoot the range of the input.
INV_IMAGING_EXPORT inv_imaging_status inv_image_resize(const float* values, int32_t height, int32_t width,
                                                       float* resized, int32_t new_height, int32_t new_width) INV_NOEXCEPT;

// Renders one line of UTF-8 text in DejaVu Sans. coverage: new, height * width bytes from 0 (none) to 255, row-major.
// The height depends on the font size only, so that the baselines of lines rendered with one size agree.
INV_IMAGING_EXPORT inv_imaging_status inv_text_render(const char* text, int32_t font_pixels, int32_t* height, int32_t* width,
                                                      inv_bytes** coverage) INV_NOEXCEPT;

INV_IMAGING_EXPORT inv_imaging_status inv_bytes_size(const inv_bytes* bytes, int64_t* size) INV_NOEXCEPT;
INV_IMAGING_EXPORT inv_imaging_status inv_bytes_copy(const inv_bytes* bytes, uint8_t* destination, int64_t size) INV_NOEXCEPT;
INV_IMAGING_EXPORT void inv_bytes_free(inv_bytes* bytes) INV_NOEXCEPT;  // null is allowed

// How many inv_bytes exist: a test of the binding finds 0 when all were freed.
INV_IMAGING_EXPORT int64_t inv_bytes_live(void) INV_NOEXCEPT;

#if defined(__cplusplus)
}
#endif
#endif
