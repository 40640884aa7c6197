// Compressed pixel data whose frames lie in several fragments.
#pragma once
#include "dicom_parse.h"

namespace reader {

// The sizes that the header states for encapsulated pixels.
struct EncapsulatedFrames {
  size_t frames, pixels;   // pixels: of one frame
  size_t segments;         // of an RLE frame: bytes of a sample times samples of a pixel
  bool is_rle;
};

// Joins each frame into one fragment, because DCMTK's decoders start a frame with a fragment and RLE's also ends with it. Native pixels stay unchanged.
// Refuses frames whose fragments cannot be assigned, and those that hold less than the header states.
void join_fragments(DcmPixelData& pixels, E_TransferSyntax syntax, const EncapsulatedFrames& expected);

}  // namespace reader
