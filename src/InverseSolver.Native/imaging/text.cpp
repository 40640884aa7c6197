#include <cstring>
#include <string>

#include "support.h"

using namespace inverse;

inv_imaging_status inv_text_render(const char* text, int32_t font_pixels, int32_t* height, int32_t* width, inv_bytes** coverage) noexcept {
  return guarded([&] {
    if (text == nullptr || height == nullptr || width == nullptr || coverage == nullptr) bad_argument("inv_text_render: a pointer is null.");
    if (font_pixels < 6 || font_pixels > 200) bad_argument("inv_text_render: font_pixels must be from 6 to 200.");
    const size_t length = std::strlen(text);
    if (length > 1000 || !g_utf8_validate(text, static_cast<gssize>(length), nullptr)) bad_argument("inv_text_render: text must be UTF-8 of at most 1000 bytes.");
    for (const char* c = text; *c != '\0'; ++c)
      if (static_cast<unsigned char>(*c) < ' ') bad_argument("inv_text_render: text must be one line without control characters.");

    const Memory escaped(g_markup_escape_text(text, static_cast<gssize>(length)));  // vips_text reads markup
    const std::string font = "DejaVu Sans " + std::to_string(font_pixels);
    Image image;
    if (vips_text(image.out(), static_cast<const char*>(escaped.get()), "font", font.c_str(), "dpi", 72, nullptr) != 0)
      bad_argument("inv_text_render: there is nothing to render, or no font.");
    size_t size = 0;
    const Memory ink(vips_image_write_to_memory(image.get(), &size));
    if (ink.get() == nullptr || image->BandFmt != VIPS_FORMAT_UCHAR || image->Bands != 1) failed("libvips could not render the text.");

    // libvips gives the inked rectangle and, as its offset, where it lies in the line.
    const int left = MAX(image->Xoffset, 0), top = MAX(image->Yoffset, 0);
    const int line_height = font_pixels + (font_pixels + 2) / 3;
    const int line_width = left + image->Xsize;
    Memory line(g_try_malloc0(static_cast<gsize>(line_height) * line_width));
    if (line.get() == nullptr) failed("There is not enough memory for the text.");
    for (int y = 0; y < image->Ysize && top + y < line_height; ++y)
      std::memcpy(static_cast<uint8_t*>(line.get()) + static_cast<size_t>(top + y) * line_width + left,
                  static_cast<const uint8_t*>(ink.get()) + static_cast<size_t>(y) * image->Xsize, image->Xsize);
    *coverage = own(line.take(), static_cast<int64_t>(line_height) * line_width);
    *height = line_height;
    *width = line_width;
  });
}
