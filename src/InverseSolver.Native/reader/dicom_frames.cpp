#include "dicom_frames.h"

#include <cmath>

namespace reader {
namespace {

// The requested count of finite numbers; otherwise null.
json numbers_of(DcmItem& item, const DcmTagKey& tag, unsigned long count) {
  json values = json::array();
  for (unsigned long i = 0; i < count; ++i) {
    Float64 value = 0;
    if (item.findAndGetFloat64(tag, value, i).bad() || !std::isfinite(value)) return nullptr;
    values.push_back(value);
  }
  return values;
}

// The place of a frame's attributes: its functional group, the shared one, or the data set.
class FrameItems {
 public:
  FrameItems(DcmDataset& data, long frame) : data_(data), frame_(frame) {}

  // An enhanced object's macro; nothing in any other.
  DcmItem* macro(const DcmTagKey& name) {
    for (const auto& [groups, at] : {std::pair{DCM_PerFrameFunctionalGroupsSequence, frame_}, std::pair{DCM_SharedFunctionalGroupsSequence, 0L}}) {
      DcmItem *group = nullptr, *item = nullptr;
      if (data_.findAndGetSequenceItem(groups, group, at).good() && group->findAndGetSequenceItem(name, item, 0).good()) return item;
    }
    return nullptr;
  }

  // In an enhanced object the macro; in any other the data set, where it holds for every frame.
  DcmItem* find(const DcmTagKey& name, bool of_every_frame) {
    DcmItem* const item = macro(name);
    return item != nullptr || !(of_every_frame || frame_ == 0) ? item : &data_;
  }

 private:
  DcmDataset& data_;
  long frame_;
};

struct Rescale {
  double slope = 1, intercept = 0;
};

Rescale rescale_of(DcmDataset& data, long frame) {
  DcmItem& item = *FrameItems(data, frame).find(DCM_PixelValueTransformationSequence, true);
  if (item.tagExists(DCM_ModalityLUTSequence))
    throw Refusal("The DICOM image has a modality lookup table, which is not supported: "
                  "apply it, or send the unscaled image with a linear rescale.");
  const json slope = first_of(item, DCM_RescaleSlope), intercept = first_of(item, DCM_RescaleIntercept);
  if ((slope.is_null() && item.tagExistsWithValue(DCM_RescaleSlope)) || (intercept.is_null() && item.tagExistsWithValue(DCM_RescaleIntercept)))
    throw Refusal("The DICOM image's rescale slope or intercept is not a number.");
  if (slope.is_number() && slope.get<double>() == 0)
    throw Refusal("The DICOM image's RescaleSlope (0028,1053) is 0, so all its values are the same: "
                  "correct it in the file, or remove it where the values are not scaled.");
  Rescale rescale;
  if (slope.is_number()) rescale.slope = slope.get<double>();
  if (intercept.is_number()) rescale.intercept = intercept.get<double>();
  return rescale;
}

// The meaning of the values: FrameType or ImageType, and the complex component (magnitude, phase, real or imaginary part) where it is stated separately.
std::string type_of(DcmDataset& data, FrameItems& items) {
  DcmItem* macro = nullptr;
  for (const DcmTagKey& name : {DCM_MRImageFrameTypeSequence, DCM_CTImageFrameTypeSequence, DCM_PETFrameTypeSequence, DCM_ParametricMapFrameTypeSequence})
    if (macro == nullptr) macro = items.macro(name);
  std::string type = macro == nullptr ? std::string() : texts_of(*macro, DCM_FrameType);
  if (type.empty()) type = texts_of(data, DCM_ImageType);
  const std::string component = text_of(macro == nullptr ? data : *macro, DCM_ComplexImageComponent);
  return component.empty() ? type : type + "\\" + component;
}

}  // namespace

json first_of(DcmItem& item, const DcmTagKey& tag) {
  const json values = numbers_of(item, tag, 1);
  return values.is_null() ? values : values[0];
}

std::string texts_of(DcmItem& item, const DcmTagKey& tag) {
  OFString value;
  return item.findAndGetOFStringArray(tag, value).good() ? std::string(value.c_str()) : std::string();
}

Units units_of(DcmDataset& data, const Layout& layout, long frame) {
  const Rescale rescale = rescale_of(data, frame);
  const double sum = layout.is_float ? 0 : layout.is_signed ? -1.0 : static_cast<double>((uint64_t{1} << layout.stored) - 1);
  return {rescale.slope, rescale.intercept, (sum * rescale.slope) + (2 * rescale.intercept), layout.is_inverted()};
}

json frame_of(DcmDataset& data, const Layout& layout, long frame) {
  FrameItems items(data, frame);
  json found = {{"position", nullptr}, {"type", type_of(data, items)}};
  DcmItem* measures = items.find(DCM_PixelMeasuresSequence, true);
  found["pixelSpacing"] = numbers_of(*measures, DCM_PixelSpacing, 2);
  found["sliceThickness"] = first_of(*measures, DCM_SliceThickness);
  found["sliceSpacing"] = first_of(*measures, DCM_SpacingBetweenSlices);
  found["orientation"] = numbers_of(*items.find(DCM_PlaneOrientationSequence, true), DCM_ImageOrientationPatient, 6);
  if (DcmItem* place = items.find(DCM_PlanePositionSequence, false)) found["position"] = numbers_of(*place, DCM_ImagePositionPatient, 3);
  DcmItem* window = items.find(DCM_FrameVOILUTSequence, true);
  found["windowCentre"] = first_of(*window, DCM_WindowCenter);
  if (layout.is_inverted() && found["windowCentre"].is_number())
    found["windowCentre"] = units_of(data, layout, frame).mirror - found["windowCentre"].get<double>();
  found["windowWidth"] = first_of(*window, DCM_WindowWidth);
  DcmItem* echo = items.macro(DCM_MREchoSequence);
  found["echoTime"] = echo != nullptr ? first_of(*echo, DCM_EffectiveEchoTime) : first_of(data, DCM_EchoTime);
  DcmItem* timing = items.find(DCM_MRTimingAndRelatedParametersSequence, true);
  found["repetitionTime"] = first_of(*timing, DCM_RepetitionTime);
  found["flipAngle"] = first_of(*timing, DCM_FlipAngle);
  return found;
}

}  // namespace reader
