#include "dicom_parse.h"

#include <dcmtk/dcmdata/dcistrmb.h>

#include "protocol.h"

namespace reader {
namespace {

void check_syntax(DcmFileFormat& file) {
  const std::string uid = text_of(*file.getMetaInfo(), DCM_TransferSyntaxUID);
  if (!uid.empty() && DcmXfer(uid.c_str()).getXfer() == EXS_Unknown)
    throw Refusal("The DICOM file's transfer syntax is not supported: convert it to Explicit VR Little Endian.");
}

}  // namespace

std::unique_ptr<DcmFileFormat> parse_dicom(const uint8_t* bytes, size_t size) {
  auto file = std::make_unique<DcmFileFormat>();
  DcmInputBufferStream stream;
  stream.setBuffer(bytes, static_cast<offile_off_t>(size));
  stream.setEos();
  file->transferInit();
  const OFCondition read = file->read(stream);
  file->transferEnd();
  check_syntax(*file);
  if (read == EC_StreamNotifyClient || read == EC_InvalidStream || read == EC_EndOfStream) throw Refusal("The DICOM file is truncated or damaged.");
  if (read.bad()) throw Refusal("The file is damaged, or is not a DICOM file.");
  if (file->getDataset()->card() == 0) throw Refusal("The DICOM file is empty.");
  return file;
}

std::string text_of(DcmItem& item, const DcmTagKey& tag) {
  OFString value;
  if (item.findAndGetOFString(tag, value).bad()) return {};
  const size_t first = value.find_first_not_of(' ');
  if (first == OFString_npos) return {};
  return {value.c_str() + first, value.find_last_not_of(' ') - first + 1};
}

}  // namespace reader
