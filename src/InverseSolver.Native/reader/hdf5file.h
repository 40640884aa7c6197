// HDF5 with owned identifiers. Every failure of HDF5 is a Refusal.
#pragma once
#include <hdf5.h>

#include <string>
#include <vector>

#include "protocol.h"

namespace reader {

class Id {
 public:
  using Close = herr_t (*)(hid_t);
  Id() = default;
  Id(hid_t id, Close close) : id_(id), close_(close) {
    if (id_ < 0) throw Refusal("The HDF5 file is damaged, or has an unexpected content.");
  }
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

void check(herr_t status);  // throws Refusal where HDF5 failed

// The file in the request's memory, which must outlive it.
Id open_image(const std::vector<uint8_t>& file);

// Whether the group has a hard link of that name to an object of that type. Other links may lead out of the file.
bool has(hid_t group, const std::string& name, H5O_type_t type);

Id open_dataset(hid_t group, const std::string& name);
std::vector<hsize_t> extent(hid_t dataset);

// A dataset (scalar or of at least one element) or attribute of one text, UTF-8 unchanged.
std::string read_text(hid_t dataset);
std::string read_text_attribute(hid_t object, const std::string& name);  // empty: there is none

// Complex single precision in memory, with the file's names of the two parts (real and imag, r and i); other types are refused.
Id complex_type(hid_t file_type);

Answer read_ismrmrd(hid_t file, const Request& request);
Answer read_fastmri(hid_t file, const Request& request);

}  // namespace reader
