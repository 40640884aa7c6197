// DICOM images: pixel values in modality units, padding marks, and the attributes of every frame. DCMTK decodes.
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "dicom_fragments.h"
#include "dicom_frames.h"
#include "formats.h"

namespace reader {
namespace {

constexpr long most_frames = 16384;

uint16_t number_of(DcmItem& item, const DcmTagKey& tag, uint16_t missing) {
  Uint16 value = missing;
  return item.findAndGetUint16(tag, value).good() ? value : missing;
}

bool is_colour(const std::string& name) { return name == "RGB" || name.rfind("YBR_", 0) == 0 || name.rfind("PALETTE", 0) == 0; }

Layout layout_of(DcmDataset& data, const Request& request) {
  Layout layout;
  const bool is_single = data.tagExists(DCM_FloatPixelData), is_double = data.tagExists(DCM_DoubleFloatPixelData);
  layout.is_float = !data.tagExists(DCM_PixelData) && (is_single || is_double);
  if (!layout.is_float && !data.tagExists(DCM_PixelData))
    throw Refusal("The DICOM object holds no pixels: it is a report, a document, a structure set or a similar object. Send an image.");
  layout.rows = number_of(data, DCM_Rows, 0);
  layout.columns = number_of(data, DCM_Columns, 0);
  layout.samples = number_of(data, DCM_SamplesPerPixel, 1);
  layout.allocated = number_of(data, DCM_BitsAllocated, 0);
  layout.stored = number_of(data, DCM_BitsStored, layout.allocated);
  layout.high = number_of(data, DCM_HighBit, layout.stored > 0 ? layout.stored - 1 : 0);
  layout.is_signed = number_of(data, DCM_PixelRepresentation, 0);
  layout.colours = text_of(data, DCM_PhotometricInterpretation);
  if (layout.colours.empty())
    throw Refusal("The DICOM image has no PhotometricInterpretation (0028,0004), so the direction of its brightness is unknown: "
                  "add it to the file (MONOCHROME2: larger numbers are brighter).");
  Sint32 frames = 1;
  if (data.tagExistsWithValue(DCM_NumberOfFrames) && data.findAndGetSint32(DCM_NumberOfFrames, frames).bad()) frames = 0;
  layout.frames = frames;
  if (layout.rows == 0 || layout.columns == 0 || frames < 1) throw Refusal("The DICOM image's header states no rows, columns or frames.");
  if (frames > most_frames) throw Refusal("The DICOM image has more than " + std::to_string(most_frames) + " frames.");
  request.expect_elements(uint64_t{layout.pixels()} * static_cast<uint64_t>(frames) * layout.channels(), sizeof(float));
  if (layout.is_float) {
    layout.allocated = layout.stored = is_single ? 32 : 64;
    if (!layout.is_grey() || layout.samples != 1) throw Refusal("The DICOM object's floating-point pixels must have one grey sample each.");
    return layout;
  }
  if (layout.allocated != 8 && layout.allocated != 16 && layout.allocated != 32)
    throw Refusal("The DICOM image allocates " + std::to_string(layout.allocated) + " bits per pixel; 8, 16 and 32 are supported.");
  if (layout.stored == 0 || layout.stored > layout.allocated || layout.high >= layout.allocated || layout.high + 1 < layout.stored)
    throw Refusal("The DICOM image's bits stored, high bit and bits allocated disagree.");
  if (!layout.is_grey() && !is_colour(layout.colours))
    throw Refusal("The DICOM image's PhotometricInterpretation (0028,0004) is not one of the standard: "
                  "correct it in the file (MONOCHROME2: larger numbers are brighter).");
  if (!data.tagExistsWithValue(DCM_SamplesPerPixel))
    throw Refusal("The DICOM image has no SamplesPerPixel (0028,0002): add it to the file, 1 for a grey image.");
  if (layout.is_grey() ? layout.samples != 1 : layout.samples != 1 && layout.samples != 3)
    throw Refusal("The DICOM image's SamplesPerPixel (0028,0002) contradicts its PhotometricInterpretation (0028,0004): "
                  "correct one of them in the file.");
  return layout;
}

void check_compression(DcmDataset& data, const Layout& layout) {
  const DcmXfer syntax(data.getOriginalXfer());
  DcmElement* element = nullptr;
  data.findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr) throw Refusal("The DICOM image's pixels are damaged.");
  if (!pixels->canChooseRepresentation(EXS_LittleEndianExplicit, nullptr))
    throw Refusal(std::string("The DICOM image is compressed by ") + syntax.getXferName() + " (" + syntax.getXferID() +
                  "), which is not read: convert it to an uncompressed transfer syntax.");
  join_fragments(*pixels, syntax.getXfer(), {static_cast<size_t>(layout.frames), layout.pixels(), size_t{layout.samples} * (layout.allocated / 8u),
                                             syntax.getXfer() == EXS_RLELossless});
}

// The stored values of padding: one, or a range.
struct Padding {
  double low = 0, high = 0;

  bool holds(double stored) const { return (stored >= low && stored <= high) || (std::isnan(stored) && std::isnan(low)); }
};

// Sixteen bits, signed where the pixels are.
std::optional<double> stored_number(DcmDataset& data, const DcmTagKey& tag, const Layout& layout) {
  Uint16 bits = 0;
  Sint16 number = 0;
  if (data.findAndGetUint16(tag, bits).bad()) {
    if (data.findAndGetSint16(tag, number).bad()) return std::nullopt;
    bits = static_cast<Uint16>(number);
  }
  return layout.is_signed ? static_cast<double>(static_cast<Sint16>(bits)) : static_cast<double>(bits);
}

std::optional<double> float_number(DcmDataset& data, const DcmTagKey& single, const DcmTagKey& twice) {
  Float32 number = 0;
  Float64 wide = 0;
  if (data.findAndGetFloat32(single, number).good()) return number;
  if (data.findAndGetFloat64(twice, wide).good()) return wide;
  return std::nullopt;
}

std::optional<Padding> padding_of(DcmDataset& data, const Layout& layout) {
  if (!layout.is_grey()) return std::nullopt;
  const std::optional<double> value = layout.is_float ? float_number(data, DCM_FloatPixelPaddingValue, DCM_DoubleFloatPixelPaddingValue)
                                                      : stored_number(data, DCM_PixelPaddingValue, layout);
  if (!value) return std::nullopt;
  const double limit = (layout.is_float ? float_number(data, DCM_FloatPixelPaddingRangeLimit, DCM_DoubleFloatPixelPaddingRangeLimit)
                                        : stored_number(data, DCM_PixelPaddingRangeLimit, layout))
                           .value_or(*value);
  return Padding{std::min(*value, limit), std::max(*value, limit)};
}

// A frame's values and its padding marks.
struct Target {
  float* values;
  uint8_t* marks;  // null: no padding
};

template <class T>
void convert(const void* from, const Layout& layout, const Units& units, const std::optional<Padding>& padding, const Target& to) {
  const unsigned shift = layout.high + 1u - layout.stored;
  const uint64_t mask = (uint64_t{1} << layout.stored) - 1, sign = layout.is_signed ? uint64_t{1} << (layout.stored - 1) : 0;
  const auto* bytes = static_cast<const uint8_t*>(from);
  for (size_t i = 0; i < layout.pixels(); ++i) {
    T raw;
    std::memcpy(&raw, bytes + (i * sizeof(T)), sizeof(T));
    const uint64_t bits = (static_cast<uint64_t>(raw) >> shift) & mask;
    const auto stored = static_cast<double>(static_cast<int64_t>(bits ^ sign) - static_cast<int64_t>(sign));
    to.values[i] = static_cast<float>(units.of(stored));
    if (padding) to.marks[i] = padding->holds(stored) ? 1 : 0;
  }
}

Target frame_at(const Target& all, const Layout& layout, long frame) {
  const size_t start = static_cast<size_t>(frame) * layout.pixels();
  return {all.values + start, all.marks == nullptr ? nullptr : all.marks + start};
}

void read_grey(DcmDataset& data, const Layout& layout, const std::optional<Padding>& padding, const Target& all) {
  DcmElement* element = nullptr;
  data.findAndGetElement(DCM_PixelData, element);
  auto& pixels = dynamic_cast<DcmPixelData&>(*element);
  const size_t bytes = layout.pixels() * (layout.allocated / 8);
  std::vector<uint8_t> frame((bytes + 1) & ~size_t{1});
  if (frame.size() > UINT32_MAX) throw Refusal("The DICOM image's frames are too large.");
  Uint32 fragment = 0;
  for (long i = 0; i < layout.frames; ++i) {
    OFString model;
    if (pixels.getUncompressedFrame(&data, static_cast<Uint32>(i), fragment, frame.data(), static_cast<Uint32>(frame.size()), model).bad())
      throw Refusal("The DICOM image's pixels are damaged, or fewer than its header states.");
    const Units units = units_of(data, layout, i);
    const Target to = frame_at(all, layout, i);
    if (layout.allocated == 8) convert<uint8_t>(frame.data(), layout, units, padding, to);
    else if (layout.allocated == 16) convert<uint16_t>(frame.data(), layout, units, padding, to);
    else convert<uint32_t>(frame.data(), layout, units, padding, to);
  }
}

void read_floats(DcmDataset& data, const Layout& layout, const std::optional<Padding>& padding, const Target& all) {
  const Float32* single = nullptr;
  const Float64* twice = nullptr;
  unsigned long count = 0;
  const bool found = layout.allocated == 32 ? data.findAndGetFloat32Array(DCM_FloatPixelData, single, &count).good()
                                            : data.findAndGetFloat64Array(DCM_DoubleFloatPixelData, twice, &count).good();
  if (!found || count < layout.pixels() * static_cast<size_t>(layout.frames))
    throw Refusal("The DICOM image's pixels are damaged, or fewer than its header states.");
  if (layout.is_inverted())
    throw Refusal("The DICOM image is MONOCHROME1 with floating-point pixels, whose range is unknown: convert it to MONOCHROME2.");
  for (long i = 0; i < layout.frames; ++i) {
    const Units units = units_of(data, layout, i);
    const Target to = frame_at(all, layout, i);
    const size_t start = static_cast<size_t>(i) * layout.pixels();
    for (size_t k = 0; k < layout.pixels(); ++k) {
      const double stored = single != nullptr ? static_cast<double>(single[start + k]) : twice[start + k];
      const bool is_padding = padding && padding->holds(stored);
      if (is_padding) to.marks[k] = 1;
      // Padding that is no number has none in the answer either.
      to.values[k] = is_padding && !std::isfinite(stored) ? 0 : static_cast<float>(units.of(stored));
    }
  }
}

// Writes planes of red, green and blue; returns the bits of a sample.
int read_colours(DcmDataset& data, const Layout& layout, float* to) {
  int bits = 0;
  for (long i = 0; i < layout.frames; ++i) {
    DicomImage image(&data, data.getOriginalXfer(), CIF_UsePartialAccessToPixelData, static_cast<unsigned long>(i), 1);
    if (image.getStatus() != EIS_Normal || image.isMonochrome() || image.getWidth() != layout.columns || image.getHeight() != layout.rows)
      throw Refusal("The DICOM image's colours cannot be read: its pixels are damaged, or its photometric interpretation is not supported.");
    bits = image.getDepth() > 8 ? 16 : 8;
    const size_t count = layout.pixels() * 3;
    std::vector<uint8_t> planes(count * (bits / 8));
    if (!image.getOutputData(planes.data(), static_cast<unsigned long>(planes.size()), bits, 0, 1)) throw Refusal("The DICOM image's colours cannot be read.");
    float* const values = to + (static_cast<size_t>(i) * count);
    for (size_t k = 0; k < count; ++k) {
      uint16_t wide = planes[bits == 8 ? k : 0];
      if (bits == 16) std::memcpy(&wide, planes.data() + (2 * k), 2);
      values[k] = wide;
    }
  }
  return bits;
}

// The elements xx00 to xxFF of a private creator, wherever its block is; PACS may write them as unknown (UN).
template <class Visit> void visit_private(DcmDataset& data, uint16_t group, const char* creator, uint8_t element, Visit visit) {
  for (uint16_t block = 0x10; block <= 0xff; ++block) {
    if (text_of(data, DcmTagKey(group, block)) != creator) continue;
    DcmElement* found = nullptr;
    Uint8* bytes = nullptr;
    if (data.findAndGetElement(DcmTagKey(group, static_cast<uint16_t>((block << 8) | element)), found).bad() || found == nullptr) continue;
    Uint16 number = 0;
    if (found->getUint16(number).good()) visit(reinterpret_cast<const uint8_t*>(&number), sizeof number);
    else if (found->getUint8Array(bytes).good() && bytes != nullptr) visit(bytes, found->getLength());
  }
}

// NumberOfImagesInMosaic of a Siemens CSA header; 0 where it is absent.
long mosaic_images_of_csa(const uint8_t* header, size_t size) {
  // A tag of the header: 64 bytes of name, 20 of type; then four lengths and the text of its first item.
  const std::string name("NumberOfImagesInMosaic", sizeof "NumberOfImagesInMosaic");
  const uint8_t* const end = header + size;
  const uint8_t* const tag = std::search(header, end, name.begin(), name.end());
  constexpr long text_at = 64 + 20 + 16, text_bytes = 8;
  if (end - tag < text_at + text_bytes) return 0;
  return std::strtol(std::string(reinterpret_cast<const char*>(tag) + text_at, text_bytes).c_str(), nullptr, 10);
}

// The number of slices that a scanner tiled into one picture, from its private elements; 0 where it is absent.
long mosaic_images(DcmDataset& data) {
  long images = 0;
  visit_private(data, 0x0019, "SIEMENS MR HEADER", 0x0a, [&](const uint8_t* bytes, size_t size) {
    if (images == 0 && size == 2) images = bytes[0] | (bytes[1] << 8);
  });
  visit_private(data, 0x0029, "SIEMENS CSA HEADER", 0x10, [&](const uint8_t* bytes, size_t size) {
    if (images == 0) images = mosaic_images_of_csa(bytes, size);
  });
  const Uint8* header = nullptr;
  unsigned long size = 0;
  if (images == 0 && data.findAndGetUint8Array(DcmTagKey(0x0029, 0x1010), header, &size).good() && header != nullptr)
    images = mosaic_images_of_csa(header, size);
  return images;
}

}  // namespace

void prepare_dicom() {
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  DJDecoderRegistration::registerCodecs();
  DJLSDecoderRegistration::registerCodecs();
  DcmRLEDecoderRegistration::registerCodecs();
  dcmDataDict.rdlock();
  dcmDataDict.rdunlock();
}

Answer read_dicom(const Request& request) {
  const std::unique_ptr<DcmFileFormat> file = parse_dicom(request.blob.data(), request.blob.size());
  DcmDataset& data = *file->getDataset();
  const Layout layout = layout_of(data, request);
  if (!layout.is_float) check_compression(data, layout);
  const std::optional<Padding> padding = padding_of(data, layout);

  std::vector<float> values(layout.pixels() * layout.channels() * static_cast<size_t>(layout.frames));
  std::vector<uint8_t> marks(padding ? values.size() : 0);
  const Target all{values.data(), padding ? marks.data() : nullptr};
  int bits = layout.stored;
  if (layout.is_float) read_floats(data, layout, padding, all);
  else if (layout.is_grey()) read_grey(data, layout, padding, all);
  else bits = read_colours(data, layout, values.data());
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    throw Refusal("The DICOM image's rescaled values are not finite in single precision.");

  Answer answer;
  for (const auto& [name, tag] : {std::pair{"modality", DCM_Modality}, {"sopClassUid", DCM_SOPClassUID}, {"sopInstanceUid", DCM_SOPInstanceUID},
                                  {"studyInstanceUid", DCM_StudyInstanceUID}, {"seriesInstanceUid", DCM_SeriesInstanceUID},
                                  {"frameOfReferenceUid", DCM_FrameOfReferenceUID}})
    answer.head[name] = text_of(data, tag);
  answer.head["patient"] = text_of(data, DCM_PatientID) + "\n" + text_of(data, DCM_PatientName) + "\n" + text_of(data, DCM_PatientBirthDate);
  answer.head["photometricInterpretation"] = layout.colours;
  answer.head["imageType"] = texts_of(data, DCM_ImageType);
  answer.head["transferSyntaxUid"] = DcmXfer(data.getOriginalXfer()).getXferID();
  answer.head["bitsStored"] = bits;
  answer.head["isSigned"] = layout.is_signed != 0;
  answer.head["isLossy"] = text_of(data, DCM_LossyImageCompression) == "01";
  Sint32 number = 0;
  answer.head["instanceNumber"] = data.findAndGetSint32(DCM_InstanceNumber, number).good() ? json(number) : json();
  answer.head["mosaicImages"] = mosaic_images(data);
  json remarks = json::array();
  if (!layout.is_float && !data.tagExistsWithValue(DCM_PixelRepresentation))
    remarks.push_back("The DICOM image has no PixelRepresentation (0028,0103): its pixels were read as unsigned numbers.");
  answer.head["remarks"] = std::move(remarks);
  json frames = json::array();
  for (long i = 0; i < layout.frames; ++i) frames.push_back(frame_of(data, layout, i));
  answer.head["frames"] = std::move(frames);
  const std::vector<int64_t> shape = {layout.frames, static_cast<int64_t>(layout.channels()), layout.rows, layout.columns};
  if (std::find(marks.begin(), marks.end(), 1) != marks.end()) answer.add("padding", "u1", shape, std::move(marks));
  answer.add("values", "f4", shape, std::move(values));
  return answer;
}

}  // namespace reader
