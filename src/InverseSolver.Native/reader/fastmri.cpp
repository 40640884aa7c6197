// fastMRI's layout: datasets "kspace" (slices, coils, rows, columns) or (slices, rows, columns), "mask", "ismrmrd_header",
// "reconstruction_rss" or "reconstruction_esc" (slices, rows, columns), of which only the sizes are read, and attributes.
#include <complex>
#include <cstdint>

#include "formats.h"
#include "hdf5file.h"

namespace reader {
namespace {

std::vector<int64_t> checked_extent(hid_t dataset, const Request& request, size_t bytes_each) {
  std::vector<int64_t> shape;
  uint64_t count = 1;
  for (const hsize_t size : extent(dataset)) {
    if (size == 0) throw Refusal("The fastMRI file's arrays are empty.");
    if (size > INT32_MAX || count > UINT64_MAX / size) throw Refusal("The fastMRI file's arrays are too large.");
    count *= size;
    shape.push_back(static_cast<int64_t>(size));
  }
  request.expect_elements(count, bytes_each);
  return shape;
}

size_t count_of(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t size : shape) count *= static_cast<size_t>(size);
  return count;
}

void add_mask(hid_t file, const Request& request, Answer& answer) {
  const Id dataset = open_dataset(file, "mask");
  const std::vector<int64_t> shape = checked_extent(dataset, request, sizeof(float));
  std::vector<float> mask(count_of(shape));
  const Id type(H5Dget_type(dataset), H5Tclose);
  if (H5Tget_class(type) == H5T_ENUM) {  // truth values, as h5py writes them
    if (H5Tget_size(type) != 1) throw Refusal("The fastMRI file's mask holds neither numbers nor Boolean values.");
    std::vector<int8_t> truths(mask.size());
    check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, truths.data()));
    for (size_t i = 0; i < mask.size(); ++i) mask[i] = truths[i] != 0 ? 1.0F : 0.0F;
  } else {
    if (H5Tget_class(type) != H5T_FLOAT && H5Tget_class(type) != H5T_INTEGER)
    throw Refusal("The fastMRI file's mask holds neither numbers nor Boolean values.");
    check(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, mask.data()));
  }
  answer.add("mask", "f4", shape, std::move(mask));
}

}  // namespace

Answer read_fastmri(hid_t file, const Request& request) {
  const Id dataset = open_dataset(file, "kspace");
  if (H5Aexists(dataset, "MATLAB_class") > 0)
    throw Refusal("MATLAB wrote the HDF5 file, with its dimensions in reversed order. "
                  "Save k-space as complex .npy (coils, rows, columns), or as BART's .cfl.");
  const std::vector<int64_t> shape = checked_extent(dataset, request, sizeof(std::complex<float>));
  const Id type = complex_type(Id(H5Dget_type(dataset), H5Tclose));
  Answer answer;
  std::vector<std::complex<float>> kspace(count_of(shape));
  check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, kspace.data()));
  answer.add("kspace", "c8", shape, std::move(kspace));
  if (has(file, "mask", H5O_TYPE_DATASET)) add_mask(file, request, answer);
  if (has(file, "ismrmrd_header", H5O_TYPE_DATASET)) answer.head["xml"] = read_text(open_dataset(file, "ismrmrd_header"));
  for (const char* name : {"reconstruction_rss", "reconstruction_esc"}) {
    if (!has(file, name, H5O_TYPE_DATASET)) continue;
    const std::vector<hsize_t> sizes = extent(open_dataset(file, name));
    if (sizes.size() >= 2 && sizes.back() <= INT32_MAX && sizes[sizes.size() - 2] <= INT32_MAX)
      answer.head["reconstruction"] = {sizes[sizes.size() - 2], sizes.back()};
  }
  answer.head["acquisition"] = read_text_attribute(file, "acquisition");
  answer.head["patientId"] = read_text_attribute(file, "patient_id");
  return answer;
}

Answer read_raw_hdf5(const Request& request) {
  const Id file = open_image(request.blob);
  const bool fastmri = has(file, "kspace", H5O_TYPE_DATASET);
  Answer answer = fastmri ? read_fastmri(file, request) : read_ismrmrd(file, request);
  answer.head["layout"] = fastmri ? "fastmri" : "ismrmrd";
  return answer;
}

}  // namespace reader
