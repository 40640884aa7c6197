#include <cmath>
#include <cstring>
#include <vector>

#include "support.h"

namespace inverse {
namespace {

enum Format : int32_t { unknown = 0, png = 1, jpeg = 2, tiff = 3, webp = 4 };

const char* const damaged = "The image is damaged or truncated.";

// Only these four are ever handed to libvips, whatever else it could load.
Format format_of(const uint8_t* data, int64_t size) {
  const auto starts = [&](const char* magic, int64_t length) { return size >= length && std::memcmp(data, magic, length) == 0; };
  if (starts("\x89PNG\r\n\x1a\n", 8)) return png;
  if (starts("\xff\xd8\xff", 3)) return jpeg;
  if (starts("II*\0", 4) || starts("MM\0*", 4) || starts("II+\0", 4) || starts("MM\0+", 4)) return tiff;
  if (size >= 12 && starts("RIFF", 4) && std::memcmp(data + 8, "WEBP", 4) == 0) return webp;
  return unknown;
}

// A progressive JPEG may ask for hundreds of passes over all its pixels in a few bytes. Inside pixel data FF DA cannot occur.
void check_scans(const uint8_t* data, int64_t size) {
  int scans = 0;
  for (int64_t i = 0; i + 1 < size; ++i)
    if (data[i] == 0xFF && data[i + 1] == 0xDA && ++scans > 100) bad_input("The JPEG image has more than 100 scans.");
}

// The loaders only point at the bytes: data must outlive the image.
void load(const uint8_t* bytes, int64_t size, VipsAccess access, Image& image) {
  void* data = const_cast<uint8_t*>(bytes);
  const auto length = static_cast<size_t>(size);
  int result = -1;
  switch (format_of(bytes, size)) {
    case png: result = vips_pngload_buffer(data, length, image.out(), "access", access, "fail_on", VIPS_FAIL_ON_ERROR, nullptr); break;
    // libjpeg only warns of corrupt data and then invents pixels.
    case jpeg:
      check_scans(bytes, size);
      result = vips_jpegload_buffer(data, length, image.out(), "access", access, "fail_on", VIPS_FAIL_ON_WARNING, nullptr);
      break;
    case tiff: result = vips_tiffload_buffer(data, length, image.out(), "access", access, "fail_on", VIPS_FAIL_ON_ERROR, nullptr); break;
    case webp: result = vips_webpload_buffer(data, length, image.out(), "access", access, "fail_on", VIPS_FAIL_ON_ERROR, nullptr); break;
    case unknown: bad_input("The file is not an image in PNG, JPEG, TIFF or WebP format.");
  }
  if (result != 0) bad_input(damaged);
}

bool is_cmyk(const Image& image) { return image->Type == VIPS_INTERPRETATION_CMYK; }

inv_image_header header_of(const uint8_t* data, int64_t size, const Image& image) {
  switch (image->Type) {
    case VIPS_INTERPRETATION_MULTIBAND: case VIPS_INTERPRETATION_B_W: case VIPS_INTERPRETATION_GREY16:
    case VIPS_INTERPRETATION_sRGB: case VIPS_INTERPRETATION_RGB: case VIPS_INTERPRETATION_RGB16:
    case VIPS_INTERPRETATION_scRGB: case VIPS_INTERPRETATION_CMYK: break;
    default: bad_input("The image's colour space is not supported: use grey, RGB or CMYK.");
  }
  inv_image_header header{};
  header.format = format_of(data, size);
  switch (image->BandFmt) {
    case VIPS_FORMAT_UCHAR: header.bits = 8; break;
    case VIPS_FORMAT_USHORT: header.bits = 16; break;
    case VIPS_FORMAT_FLOAT: case VIPS_FORMAT_DOUBLE: header.bits = 32; break;
    default: bad_input("The image's samples must be unsigned 8-bit, unsigned 16-bit or floating-point numbers.");
  }
  const int bands = image->Bands;
  if (is_cmyk(image)) {
    if (bands != 4 || header.bits != 8) bad_input("A CMYK image must have 4 channels of 8 bits.");
    header.channels = 3;
  } else if (bands == 1 || bands == 3) {
    header.channels = bands;
  } else if ((bands == 2 || bands == 4) && header.bits != 32 && image->Type != VIPS_INTERPRETATION_MULTIBAND) {
    header.channels = bands - 1;
    header.has_alpha = 1;
  } else {
    bad_input("The image must have 1 channel (grey) or 3 (RGB).");
  }
  const bool swapped = vips_image_get_orientation_swap(image.get());
  header.height = swapped ? image->Xsize : image->Ysize;
  header.width = swapped ? image->Ysize : image->Xsize;
  header.pages = vips_image_get_n_pages(image.get());
  return header;
}

// Interleaved samples to planes; the last of `bands` is alpha when it exceeds `channels`.
template <class T>
void to_planes(const void* samples, int64_t pixels, int bands, int channels, float largest, float* values) {
  const T* sample = static_cast<const T*>(samples);
  for (int64_t pixel = 0; pixel < pixels; ++pixel, sample += bands) {
    for (int channel = 0; channel < channels; ++channel) {
      const float value = static_cast<float>(sample[channel]) / largest;
      if (!std::isfinite(value)) bad_input("The image holds values that are not finite.");
      values[channel * pixels + pixel] = value;
    }
    if (bands > channels && static_cast<float>(sample[channels]) != largest)
      bad_input("The image has transparent pixels: flatten it first, since what lies behind them is unknown.");
  }
}

template <class T>
std::vector<T> to_samples(const float* values, int channels, int64_t pixels, float largest) {
  std::vector<T> samples(static_cast<size_t>(pixels) * channels);
  for (int channel = 0; channel < channels; ++channel) {
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const float value = values[channel * pixels + pixel];
      if (!std::isfinite(value)) bad_argument("inv_image_encode_png: a value is not finite.");
      samples[pixel * channels + channel] = static_cast<T>(std::lround(std::fmin(std::fmax(value, 0.0f), 1.0f) * largest));
    }
  }
  return samples;
}

void check_file(const uint8_t* data, int64_t size) {
  if (size < 0) bad_argument("A size is negative.");
  if (data == nullptr && size > 0) bad_argument("A pointer is null.");
}

}  // namespace
}  // namespace inverse

using namespace inverse;

inv_imaging_status inv_image_header_read(const uint8_t* data, int64_t size, inv_image_header* header) noexcept {
  return guarded([&] {
    check_file(data, size);
    if (header == nullptr) bad_argument("inv_image_header_read: header is null.");
    Image image;
    load(data, size, VIPS_ACCESS_SEQUENTIAL, image);
    *header = header_of(data, size, image);
  });
}

inv_imaging_status inv_image_decode(const uint8_t* data, int64_t size, float* values, int64_t count) noexcept {
  return guarded([&] {
    check_file(data, size);
    if (values == nullptr) bad_argument("inv_image_decode: values is null.");
    Image image;
    load(data, size, VIPS_ACCESS_SEQUENTIAL, image);
    const inv_image_header header = header_of(data, size, image);
    if (header.pages > 1) bad_input("The file holds more than one image: send one.");
    const int64_t pixels = static_cast<int64_t>(header.height) * header.width;
    if (count != pixels * header.channels) bad_argument("inv_image_decode: count is not that of the header.");

    Image next;
    if (vips_image_get_orientation(image.get()) > 1) {  // turning needs the rows in any order
      load(data, size, VIPS_ACCESS_RANDOM, image);
      if (vips_autorot(image.get(), next.out(), nullptr) != 0) bad_input(damaged);
      image.swap(next);
    }
    if (is_cmyk(image)) {
      if (vips_colourspace(image.get(), next.out(), VIPS_INTERPRETATION_sRGB, nullptr) != 0) bad_input(damaged);
      image.swap(next);
    }
    size_t length = 0;
    const Memory samples(vips_image_write_to_memory(image.get(), &length));
    if (samples.get() == nullptr) bad_input(damaged);
    if (image->Ysize != header.height || image->Xsize != header.width || image->Bands != header.channels + header.has_alpha)
      failed("libvips changed the image's size.");
    switch (image->BandFmt) {
      case VIPS_FORMAT_UCHAR: to_planes<uint8_t>(samples.get(), pixels, image->Bands, header.channels, 255.0f, values); break;
      case VIPS_FORMAT_USHORT: to_planes<uint16_t>(samples.get(), pixels, image->Bands, header.channels, 65535.0f, values); break;
      case VIPS_FORMAT_FLOAT: to_planes<float>(samples.get(), pixels, image->Bands, header.channels, 1.0f, values); break;
      case VIPS_FORMAT_DOUBLE: to_planes<double>(samples.get(), pixels, image->Bands, header.channels, 1.0f, values); break;
      default: failed("libvips changed the image's samples.");
    }
  });
}

inv_imaging_status inv_image_encode_png(const float* values, int32_t channels, int32_t height, int32_t width,
                                        int32_t bits, inv_bytes** png) noexcept {
  return guarded([&] {
    if (values == nullptr || png == nullptr) bad_argument("inv_image_encode_png: a pointer is null.");
    if (channels != 1 && channels != 3) bad_argument("inv_image_encode_png: channels must be 1 or 3.");
    if (bits != 8 && bits != 16) bad_argument("inv_image_encode_png: bits must be 8 or 16.");
    if (height < 1 || width < 1 || height > VIPS_MAX_COORD || width > VIPS_MAX_COORD) bad_argument("inv_image_encode_png: the size is out of range.");
    const int64_t pixels = static_cast<int64_t>(height) * width;
    std::vector<uint8_t> small;
    std::vector<uint16_t> large;
    if (bits == 8) small = to_samples<uint8_t>(values, channels, pixels, 255.0f);
    else large = to_samples<uint16_t>(values, channels, pixels, 65535.0f);
    const void* samples = bits == 8 ? static_cast<const void*>(small.data()) : large.data();

    Image raw, image;
    *raw.out() = vips_image_new_from_memory(samples, static_cast<size_t>(pixels) * channels * (bits / 8), width, height, channels,
                                            bits == 8 ? VIPS_FORMAT_UCHAR : VIPS_FORMAT_USHORT);
    // Without the interpretation libvips would write 16-bit samples as 8-bit ones.
    const VipsInterpretation interpretation = bits == 8 ? (channels == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB)
                                                        : (channels == 1 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16);
    if (raw.get() == nullptr || vips_copy(raw.get(), image.out(), "interpretation", interpretation, nullptr) != 0)
      failed("libvips could not take the image.");
    Memory encoded;
    size_t length = 0;
    if (vips_pngsave_buffer(image.get(), encoded.out(), &length, "compression", 6, "strip", TRUE, nullptr) != 0)
      failed("libvips could not encode the image.");
    *png = own(encoded.take(), static_cast<int64_t>(length));
  });
}

inv_imaging_status inv_image_resize(const float* values, int32_t height, int32_t width,
                                    float* resized, int32_t new_height, int32_t new_width) noexcept {
  return guarded([&] {
    if (values == nullptr || resized == nullptr) bad_argument("inv_image_resize: a pointer is null.");
    for (const int32_t size : {height, width, new_height, new_width})
      if (size < 1 || size > VIPS_MAX_COORD) bad_argument("inv_image_resize: a size is out of range.");
    Image image, result;
    *image.out() = vips_image_new_from_memory(values, static_cast<size_t>(height) * width * sizeof(float), width, height, 1, VIPS_FORMAT_FLOAT);
    // gap 0: the kernel alone reduces, with no box filter before it.
    if (image.get() == nullptr ||
        vips_resize(image.get(), result.out(), static_cast<double>(new_width) / width, "vscale", static_cast<double>(new_height) / height,
                    "kernel", VIPS_KERNEL_LANCZOS3, "gap", 0.0, nullptr) != 0)
      failed("libvips could not resize the image.");
    size_t length = 0;
    const Memory samples(vips_image_write_to_memory(result.get(), &length));
    if (samples.get() == nullptr || result->Xsize != new_width || result->Ysize != new_height || result->BandFmt != VIPS_FORMAT_FLOAT)
      failed("libvips could not resize the image.");
    std::memcpy(resized, samples.get(), length);
  });
}
