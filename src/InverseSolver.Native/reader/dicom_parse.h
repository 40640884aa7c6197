// The common part of reading and writing DICOM.
#pragma once
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include <cstdint>
#include <memory>
#include <string>

namespace reader {

// The parsed file; pixel data stay as stored. Refuses damaged or truncated files.
std::unique_ptr<DcmFileFormat> parse_dicom(const uint8_t* bytes, size_t size);

// The first value, or nothing where the element is missing or empty. Spaces at its ends are padding.
std::string text_of(DcmItem& item, const DcmTagKey& tag);

}  // namespace reader
