#include "hdf5file.h"

#include <hdf5_hl.h>

#include <cstring>

#include "formats.h"

namespace reader {
namespace {

constexpr size_t most_text = 16 << 20;

std::string text_of(const char* text, size_t most) {
  const size_t length = strnlen(text, most);
  if (length > most_text) throw Refusal("A text in the HDF5 file is longer than 16 MiB.");
  return {text, length};
}

template <class Read> std::string read_string(const Id& type, const Id& space, Read read) {
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) < 1) throw Refusal("The HDF5 file holds another type where a text is required.");
  const Id one(H5Tcopy(H5T_C_S1), H5Tclose);
  check(H5Tset_cset(one, H5Tget_cset(type)));
  const size_t points = static_cast<size_t>(H5Sget_simple_extent_npoints(space));
  if (points > 1024) throw Refusal("The HDF5 file holds several texts where one is required.");
  if (H5Tis_variable_str(type) > 0) {
    check(H5Tset_size(one, H5T_VARIABLE));
    std::vector<char*> texts(points, nullptr);
    check(read(one, texts.data()));
    const std::string text = texts[0] == nullptr ? std::string() : text_of(texts[0], most_text + 1);
    H5Dvlen_reclaim(one, space, H5P_DEFAULT, texts.data());
    return text;
  }
  const size_t size = H5Tget_size(type);
  if (size == 0 || size > most_text / points) throw Refusal("A text in the HDF5 file is too long.");
  check(H5Tset_size(one, size));
  check(H5Tset_strpad(one, H5Tget_strpad(type)));
  std::vector<char> text(size * points);
  check(read(one, text.data()));
  return text_of(text.data(), size);
}

}  // namespace

void prepare_hdf5() {
  H5dont_atexit();
  H5open();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);  // no filters from libraries named in a file
  H5set_free_list_limits(0, 0, 0, 0, 0, 0);  // freed memory returns to malloc, which overwrites it
}

void check(herr_t status) {
  if (status < 0) throw Refusal("The HDF5 file is damaged, or has an unexpected content.");
}

Id open_image(const std::vector<uint8_t>& file) {
  auto* bytes = const_cast<uint8_t*>(file.data());  // opened for reading
  const hid_t id = H5LTopen_file_image(bytes, file.size(), H5LT_FILE_IMAGE_DONT_COPY | H5LT_FILE_IMAGE_DONT_RELEASE);
  if (id < 0) throw Refusal("The file is not HDF5, or is damaged or truncated.");
  return {id, H5Fclose};
}

bool has(hid_t group, const std::string& name, H5O_type_t type) {
  H5L_info_t link;
  H5O_info_t object;
  return H5Lexists(group, name.c_str(), H5P_DEFAULT) > 0 && H5Lget_info(group, name.c_str(), &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD &&
         H5Oget_info_by_name(group, name.c_str(), &object, H5P_DEFAULT) >= 0 && object.type == type;
}

Id open_dataset(hid_t group, const std::string& name) {
  if (!has(group, name, H5O_TYPE_DATASET)) throw Refusal("The HDF5 file has no dataset '" + name + "', which is required.");
  return {H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose};
}

std::vector<hsize_t> extent(hid_t dataset) {
  const Id space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  check(rank);
  std::vector<hsize_t> sizes(static_cast<size_t>(rank));
  if (rank > 0) check(H5Sget_simple_extent_dims(space, sizes.data(), nullptr));
  return sizes;
}

std::string read_text(hid_t dataset) {
  return read_string(Id(H5Dget_type(dataset), H5Tclose), Id(H5Dget_space(dataset), H5Sclose),
                     [&](hid_t type, void* to) { return H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to); });
}

std::string read_text_attribute(hid_t object, const std::string& name) {
  if (H5Aexists(object, name.c_str()) <= 0) return {};
  const Id attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  const Id type(H5Aget_type(attribute), H5Tclose);
  if (H5Tget_class(type) != H5T_STRING) return {};
  return read_string(type, Id(H5Aget_space(attribute), H5Sclose), [&](hid_t memory, void* to) { return H5Aread(attribute, memory, to); });
}

Id complex_type(hid_t file_type) {
  if (H5Tget_class(file_type) != H5T_COMPOUND || H5Tget_nmembers(file_type) != 2)
    throw Refusal("The HDF5 file holds another type where complex numbers are required.");
  Id type(H5Tcreate(H5T_COMPOUND, 2 * sizeof(float)), H5Tclose);
  for (unsigned part = 0; part < 2; ++part) {
    char* name = H5Tget_member_name(file_type, part);
    const std::string owned = name == nullptr ? "" : name;
    H5free_memory(name);
    const bool imaginary = owned == "imag" || owned == "i";
    if (!imaginary && owned != "real" && owned != "r")
      throw Refusal("The HDF5 file's complex numbers must have parts named real and imag, or r and i.");
    check(H5Tinsert(type, owned.c_str(), imaginary ? sizeof(float) : 0, H5T_NATIVE_FLOAT));
  }
  return type;
}

}  // namespace reader
