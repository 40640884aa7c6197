// Compressed pixel data whose frames lie in several fragments.
#pragma once
#include "dicom_parse.h"

namespace reader {

// What the header promises of encapsulated pixels.
struct EncapsulatedFrames {
  size_t frames, pixels;   // pixels: of one frame
  size_t segments;         // of an RLE frame: bytes of a sample times samples of a pixel
  bool is_rle;
};

// Puts each frame into one fragment, because DCMTK's decoders start a frame with a fragment and RLE's ends with it too. Native pixels are left as they are.
// Refuses frames whose fragments cannot be told apart, and those that hold less than the header promises.
void join_fragments(DcmPixelData& pixels, E_TransferSyntax syntax, const EncapsulatedFrames& expected);

}  // namespace reader
