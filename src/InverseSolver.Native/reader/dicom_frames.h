// The attributes of a DICOM image's pixels and frames, single- or multi-frame, classic or enhanced.
#pragma once
#include "dicom_parse.h"
#include "protocol.h"

namespace reader {

struct Layout {
  uint16_t rows = 0, columns = 0, samples = 1, allocated = 0, stored = 0, high = 0, is_signed = 0;
  long frames = 1;
  std::string colours;
  bool is_float = false;  // FloatPixelData or DoubleFloatPixelData

  bool is_inverted() const { return colours == "MONOCHROME1"; }
  bool is_grey() const { return colours == "MONOCHROME1" || colours == "MONOCHROME2"; }
  size_t pixels() const { return size_t{rows} * columns; }
  size_t channels() const { return is_grey() ? 1 : 3; }
};

// Stored numbers to modality units. In MONOCHROME1 the smallest number is the brightest: values are mirrored within the range of the bits, so that the sum
// of a modality value and its mirror image is constant.
struct Units {
  double slope = 1, intercept = 0, mirror = 0;
  bool is_inverted = false;

  double of(double stored) const {
    const double value = (stored * slope) + intercept;
    return is_inverted ? mirror - value : value;
  }
};

// Refuses modality lookup tables and an invalid rescale.
Units units_of(DcmDataset& data, const Layout& layout, long frame);

// The first value as a number; null where it is absent or not finite.
json first_of(DcmItem& item, const DcmTagKey& tag);

// All values, with a backslash between them; empty where there are none.
std::string texts_of(DcmItem& item, const DcmTagKey& tag);

// Position, window, type and timing; null where the file does not state them.
json frame_of(DcmDataset& data, const Layout& layout, long frame);

}  // namespace reader
