// DICOM images: pixel values in modality units, and the geometry of every frame. Decoding is DCMTK's.
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "dicom_parse.h"
#include "formats.h"

namespace reader {
namespace {

constexpr long most_frames = 16384;

struct Layout {
  uint16_t rows = 0, columns = 0, samples = 1, allocated = 0, stored = 0, high = 0, is_signed = 0;
  long frames = 1;
  std::string colours;

  bool is_grey() const { return colours == "MONOCHROME1" || colours == "MONOCHROME2"; }
  size_t pixels() const { return size_t{rows} * columns; }
  size_t channels() const { return is_grey() ? 1 : 3; }
};

uint16_t number_of(DcmItem& item, const DcmTagKey& tag, uint16_t missing) {
  Uint16 value = missing;
  return item.findAndGetUint16(tag, value).good() ? value : missing;
}

// As many numbers as asked for, finite; otherwise null.
json numbers_of(DcmItem& item, const DcmTagKey& tag, unsigned long count) {
  json values = json::array();
  for (unsigned long i = 0; i < count; ++i) {
    Float64 value = 0;
    if (item.findAndGetFloat64(tag, value, i).bad() || !std::isfinite(value)) return nullptr;
    values.push_back(value);
  }
  return values;
}

json first_of(DcmItem& item, const DcmTagKey& tag) {
  const json values = numbers_of(item, tag, 1);
  return values.is_null() ? values : values[0];
}

Layout layout_of(DcmDataset& data, const Request& request) {
  if (!data.tagExists(DCM_PixelData)) {
    if (data.tagExists(DCM_FloatPixelData) || data.tagExists(DCM_DoubleFloatPixelData))
      throw Refusal("The DICOM object's pixels are floating-point numbers, which are not read: convert it to NIfTI or .npy.");
    throw Refusal("The DICOM object holds no pixels: it is a report, a document, a structure set or the like. Send an image.");
  }
  Layout layout;
  layout.rows = number_of(data, DCM_Rows, 0);
  layout.columns = number_of(data, DCM_Columns, 0);
  layout.samples = number_of(data, DCM_SamplesPerPixel, 1);
  layout.allocated = number_of(data, DCM_BitsAllocated, 0);
  layout.stored = number_of(data, DCM_BitsStored, layout.allocated);
  layout.high = number_of(data, DCM_HighBit, layout.stored > 0 ? layout.stored - 1 : 0);
  layout.is_signed = number_of(data, DCM_PixelRepresentation, 0);
  layout.colours = text_of(data, DCM_PhotometricInterpretation);
  Sint32 frames = 1;
  if (data.tagExistsWithValue(DCM_NumberOfFrames) && data.findAndGetSint32(DCM_NumberOfFrames, frames).bad()) frames = 0;
  layout.frames = frames;
  if (layout.rows == 0 || layout.columns == 0 || frames < 1) throw Refusal("The DICOM image's header gives it no rows, columns or frames.");
  if (frames > most_frames) throw Refusal("The DICOM image has more than " + std::to_string(most_frames) + " frames.");
  request.check_elements(uint64_t{layout.pixels()} * static_cast<uint64_t>(frames) * layout.channels());
  if (layout.allocated != 8 && layout.allocated != 16 && layout.allocated != 32)
    throw Refusal("The DICOM image allocates " + std::to_string(layout.allocated) + " bits to a pixel; 8, 16 and 32 are read.");
  if (layout.stored == 0 || layout.stored > layout.allocated || layout.high >= layout.allocated || layout.high + 1 < layout.stored)
    throw Refusal("The DICOM image's bits stored, high bit and bits allocated disagree.");
  if (layout.is_grey() ? layout.samples != 1 : layout.samples != 1 && layout.samples != 3)
    throw Refusal("The DICOM image's samples per pixel do not fit its photometric interpretation.");
  return layout;
}

void check_compression(DcmDataset& data) {
  const DcmXfer syntax(data.getOriginalXfer());
  DcmElement* element = nullptr;
  data.findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr) throw Refusal("The DICOM image's pixels are damaged.");
  if (!pixels->canChooseRepresentation(EXS_LittleEndianExplicit, nullptr))
    throw Refusal(std::string("The DICOM image is compressed by ") + syntax.getXferName() + " (" + syntax.getXferID() +
                  "), which is not read: convert it to an uncompressed transfer syntax.");
}

// Where a frame's numbers stand: its own functional group, the one of all frames, or the data set itself.
class FrameItems {
 public:
  FrameItems(DcmDataset& data, long frame) : data_(data), frame_(frame) {}

  // In an enhanced object, the macro; in any other, the data set where that speaks of every frame.
  DcmItem* find(const DcmTagKey& macro, bool of_every_frame) {
    for (const auto& [groups, at] : {std::pair{DCM_PerFrameFunctionalGroupsSequence, frame_}, std::pair{DCM_SharedFunctionalGroupsSequence, 0L}}) {
      DcmItem *group = nullptr, *item = nullptr;
      if (data_.findAndGetSequenceItem(groups, group, at).good() && group->findAndGetSequenceItem(macro, item, 0).good()) return item;
    }
    return of_every_frame || frame_ == 0 ? &data_ : nullptr;
  }

 private:
  DcmDataset& data_;
  long frame_;
};

json frame_of(DcmDataset& data, long frame) {
  FrameItems items(data, frame);
  json found = {{"position", nullptr}};
  DcmItem* measures = items.find(DCM_PixelMeasuresSequence, true);
  found["pixelSpacing"] = numbers_of(*measures, DCM_PixelSpacing, 2);
  found["sliceThickness"] = first_of(*measures, DCM_SliceThickness);
  found["sliceSpacing"] = first_of(*measures, DCM_SpacingBetweenSlices);
  found["orientation"] = numbers_of(*items.find(DCM_PlaneOrientationSequence, true), DCM_ImageOrientationPatient, 6);
  if (DcmItem* place = items.find(DCM_PlanePositionSequence, false)) found["position"] = numbers_of(*place, DCM_ImagePositionPatient, 3);
  DcmItem* window = items.find(DCM_FrameVOILUTSequence, true);
  found["windowCentre"] = first_of(*window, DCM_WindowCenter);
  found["windowWidth"] = first_of(*window, DCM_WindowWidth);
  return found;
}

struct Rescale {
  double slope = 1, intercept = 0;
};

Rescale rescale_of(DcmDataset& data, long frame) {
  DcmItem& item = *FrameItems(data, frame).find(DCM_PixelValueTransformationSequence, true);
  if (item.tagExists(DCM_ModalityLUTSequence)) throw Refusal("The DICOM image has a modality lookup table, which is not applied here.");
  const json slope = first_of(item, DCM_RescaleSlope), intercept = first_of(item, DCM_RescaleIntercept);
  if ((slope.is_null() && item.tagExistsWithValue(DCM_RescaleSlope)) || (intercept.is_null() && item.tagExistsWithValue(DCM_RescaleIntercept)) ||
      (slope.is_number() && slope.get<double>() == 0))
    throw Refusal("The DICOM image's rescale slope or intercept is not a number.");
  Rescale rescale;
  if (slope.is_number()) rescale.slope = slope.get<double>();
  if (intercept.is_number()) rescale.intercept = intercept.get<double>();
  return rescale;
}

template <class T>
void convert(const void* from, const Layout& layout, const Rescale& rescale, float* to) {
  const unsigned shift = layout.high + 1u - layout.stored;
  const uint64_t mask = (uint64_t{1} << layout.stored) - 1, sign = layout.is_signed ? uint64_t{1} << (layout.stored - 1) : 0;
  // What is brightest in MONOCHROME1 is the smallest number: the range that the bits span is turned over.
  const double sum = layout.colours == "MONOCHROME1" ? (layout.is_signed ? -1.0 : static_cast<double>(mask)) : 0;
  const double direction = layout.colours == "MONOCHROME1" ? -1 : 1;
  const auto* bytes = static_cast<const uint8_t*>(from);
  for (size_t i = 0; i < layout.pixels(); ++i) {
    T raw;
    std::memcpy(&raw, bytes + (i * sizeof(T)), sizeof(T));
    const uint64_t bits = (static_cast<uint64_t>(raw) >> shift) & mask;
    const auto value = static_cast<double>(static_cast<int64_t>(bits ^ sign) - static_cast<int64_t>(sign));
    to[i] = static_cast<float>(((sum + (direction * value)) * rescale.slope) + rescale.intercept);
  }
}

void read_grey(DcmDataset& data, const Layout& layout, float* to) {
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
      throw Refusal("The DICOM image's pixels are damaged, or there are fewer than its header says.");
    const Rescale rescale = rescale_of(data, i);
    float* const values = to + (static_cast<size_t>(i) * layout.pixels());
    if (layout.allocated == 8) convert<uint8_t>(frame.data(), layout, rescale, values);
    else if (layout.allocated == 16) convert<uint16_t>(frame.data(), layout, rescale, values);
    else convert<uint32_t>(frame.data(), layout, rescale, values);
  }
}

// Planes of red, green and blue; returns the bits of a sample.
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

std::string image_type(DcmDataset& data) {
  OFString value;
  return data.findAndGetOFStringArray(DCM_ImageType, value).good() ? std::string(value.c_str()) : std::string();
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
  check_compression(data);

  std::vector<float> values(layout.pixels() * layout.channels() * static_cast<size_t>(layout.frames));
  int bits = layout.stored;
  if (layout.is_grey()) read_grey(data, layout, values.data());
  else bits = read_colours(data, layout, values.data());
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    throw Refusal("The DICOM image's rescaled values are not finite in single precision.");

  Answer answer;
  for (const auto& [name, tag] : {std::pair{"modality", DCM_Modality}, {"sopClassUid", DCM_SOPClassUID}, {"sopInstanceUid", DCM_SOPInstanceUID},
                                  {"studyInstanceUid", DCM_StudyInstanceUID}, {"seriesInstanceUid", DCM_SeriesInstanceUID},
                                  {"frameOfReferenceUid", DCM_FrameOfReferenceUID}})
    answer.head[name] = text_of(data, tag);
  answer.head["photometricInterpretation"] = layout.colours;
  answer.head["imageType"] = image_type(data);
  answer.head["transferSyntaxUid"] = DcmXfer(data.getOriginalXfer()).getXferID();
  answer.head["bitsStored"] = bits;
  answer.head["isSigned"] = layout.is_signed != 0;
  answer.head["isLossy"] = text_of(data, DCM_LossyImageCompression) == "01";
  const auto [smallest, largest] = std::minmax_element(values.begin(), values.end());
  answer.head["smallest"] = *smallest;
  answer.head["largest"] = *largest;
  json frames = json::array();
  for (long i = 0; i < layout.frames; ++i) frames.push_back(frame_of(data, i));
  answer.head["frames"] = std::move(frames);
  answer.add("values", "f4", {layout.frames, static_cast<int64_t>(layout.channels()), layout.rows, layout.columns}, std::move(values));
  return answer;
}

}  // namespace reader
