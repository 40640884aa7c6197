#include "dicom_fragments.h"

#include <dcmtk/dcmdata/dcpxitem.h>

#include <algorithm>
#include <vector>

#include "protocol.h"

namespace reader {
namespace {

constexpr size_t item_head = 8, rle_head = 64;

struct Fragment {
  const uint8_t* data;
  size_t size;
  size_t offset;  // of its item, from the end of the offset table
};

uint32_t little_endian(const uint8_t* bytes) {
  return bytes[0] | (uint32_t{bytes[1]} << 8) | (uint32_t{bytes[2]} << 16) | (uint32_t{bytes[3]} << 24);
}

Fragment item_of(DcmPixelSequence& sequence, unsigned long index, size_t offset) {
  DcmPixelItem* item = nullptr;
  Uint8* data = nullptr;
  if (sequence.getItem(item, index).bad()) throw Refusal("The DICOM image's fragments are damaged.");
  const size_t size = item->getLength();
  if (size > 0 && item->getUint8Array(data).bad()) throw Refusal("The DICOM image's fragments are damaged.");
  return {data, size, offset};
}

// The start of a frame: RLE's header of 64 bytes, or the start marker of JPEG and JPEG-LS.
bool begins_frame(const Fragment& fragment, const EncapsulatedFrames& expected) {
  if (!expected.is_rle) return fragment.size >= 2 && fragment.data[0] == 0xFF && fragment.data[1] == 0xD8;
  if (fragment.size < rle_head || little_endian(fragment.data) != expected.segments || little_endian(fragment.data + 4) != rle_head) return false;
  for (size_t i = 1; i < 15; ++i) {
    const uint32_t before = little_endian(fragment.data + (4 * i)), at = little_endian(fragment.data + 4 + (4 * i));
    if (i < expected.segments ? at <= before : at != 0) return false;
  }
  return true;
}

// The fragments at which frames begin; empty where these are unknown.
std::vector<size_t> starts_of(const std::vector<Fragment>& fragments, const Fragment& table, const EncapsulatedFrames& expected) {
  if (expected.frames == 1) return {0};
  std::vector<size_t> starts;
  if (fragments.size() == expected.frames) {
    for (size_t i = 0; i < fragments.size(); ++i) starts.push_back(i);
    return starts;
  }
  if (table.size / 4 == expected.frames) {
    size_t at = 0;
    for (size_t i = 0; i < expected.frames; ++i) {
      const uint32_t offset = little_endian(table.data + (4 * i));
      while (at < fragments.size() && fragments[at].offset < offset) ++at;
      if (at == fragments.size() || fragments[at].offset != offset || (!starts.empty() && starts.back() == at)) break;
      starts.push_back(at);
    }
    if (starts.size() == expected.frames && starts[0] == 0) return starts;
    starts.clear();
  }
  for (size_t i = 0; i < fragments.size(); ++i)
    if (begins_frame(fragments[i], expected)) starts.push_back(i);
  if (starts.size() != expected.frames || starts[0] != 0) starts.clear();
  return starts;
}

// The bytes that a segment unpacks to (PS3.5, G.3.2), up to the requested number or the end of truncated data.
size_t unpacked(const uint8_t* data, size_t size, size_t wanted) {
  size_t count = 0;
  for (size_t i = 0; i < size && count < wanted;) {
    const uint8_t head = data[i++];
    if (head == 128) continue;
    if (head > 128) {
      if (i == size) break;
      count += 257u - head;
      ++i;
    } else {
      if (head + size_t{1} > size - i) break;
      count += head + size_t{1};
      i += head + size_t{1};
    }
  }
  return count;
}

void check_rle(const uint8_t* frame, size_t size, const EncapsulatedFrames& expected) {
  const Refusal misfit("The DICOM image's RLE data do not fit its header: a frame is cut off, or has other segments than its samples need.");
  if (size < rle_head || little_endian(frame) != expected.segments || expected.segments > 15) throw misfit;
  for (size_t i = 0; i < expected.segments; ++i) {
    const size_t start = little_endian(frame + 4 + (4 * i)), end = i + 1 < expected.segments ? little_endian(frame + 8 + (4 * i)) : size;
    if (start < rle_head || start > end || end > size || unpacked(frame + start, end - start, expected.pixels) < expected.pixels) throw misfit;
  }
}

// An image of JPEG ends with its marker and at most some padding. Without it the decoder would continue into the next frame.
void check_jpeg(const uint8_t* frame, size_t size) {
  const uint8_t end[] = {0xFF, 0xD9};
  const uint8_t* const tail = frame + (size > 64 ? size - 64 : 0);
  if (std::search(tail, frame + size, end, end + 2) == frame + size) throw Refusal("The DICOM image's JPEG data are damaged: a frame does not end.");
}

}  // namespace

void join_fragments(DcmPixelData& pixels, E_TransferSyntax syntax, const EncapsulatedFrames& expected) {
  DcmPixelSequence* sequence = nullptr;
  if (pixels.getEncapsulatedRepresentation(syntax, nullptr, sequence).bad() || sequence == nullptr) return;
  const unsigned long items = sequence->card();
  std::vector<Fragment> fragments;
  for (unsigned long i = 1; i < items; ++i)
    fragments.push_back(item_of(*sequence, i, fragments.empty() ? 0 : fragments.back().offset + fragments.back().size + item_head));
  if (fragments.size() < expected.frames) throw Refusal("The DICOM image's pixels are damaged, or fewer than its header states.");
  const std::vector<size_t> starts = starts_of(fragments, item_of(*sequence, 0, 0), expected);
  if (starts.empty())
    throw Refusal("The DICOM image has " + std::to_string(expected.frames) + " frames in " + std::to_string(fragments.size()) +
                  " fragments, and neither an offset table nor the data say where each begins: convert it to an uncompressed transfer syntax.");

  const bool is_split = fragments.size() > starts.size();
  auto joined = std::make_unique<DcmPixelSequence>(DcmTag(DCM_PixelData, EVR_OB));
  joined->insert(new DcmPixelItem(DcmTag(DCM_Item, EVR_OB)));
  DcmOffsetList offsets;
  for (size_t i = 0; i < starts.size(); ++i) {
    std::vector<uint8_t> whole;
    if (is_split) {
      const size_t end = i + 1 < starts.size() ? starts[i + 1] : fragments.size();
      for (size_t k = starts[i]; k < end; ++k)
        if (fragments[k].size > 0) whole.insert(whole.end(), fragments[k].data, fragments[k].data + fragments[k].size);
    }
    const uint8_t* const frame = is_split ? whole.data() : fragments[i].data;
    const size_t size = is_split ? whole.size() : fragments[i].size;
    if (expected.is_rle) check_rle(frame, size, expected);
    else if (expected.frames > 1) check_jpeg(frame, size);
    if (!is_split) continue;
    if (size > UINT32_MAX - 1) throw Refusal("The DICOM image's frames are too large.");
    if (joined->storeCompressedFrame(offsets, whole.data(), static_cast<Uint32>(size), 0).bad()) throw Refusal("The DICOM image's fragments are damaged.");
  }
  if (is_split) pixels.putOriginalRepresentation(syntax, nullptr, joined.release());
}

}  // namespace reader
