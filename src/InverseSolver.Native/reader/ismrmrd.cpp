// ISMRMRD: a group with the datasets "xml" and "data". The acquisitions are passed on unchanged; C# sorts them.
#include <ismrmrd/ismrmrd.h>

#include <algorithm>
#include <complex>
#include <cstring>

#include "formats.h"
#include "hdf5file.h"

namespace reader {
namespace {

using Header = ISMRMRD::ISMRMRD_AcquisitionHeader;
static_assert(sizeof(Header) == 340, "C# reads the header by its offsets");

struct Record {
  Header head;
  hvl_t traj, data;
};

constexpr size_t block = 64;  // acquisitions that are read at once

// Memory for the samples of one block, whose number the file states.
struct Budget {
  size_t left;
};

void* take(size_t bytes, void* info) {
  auto* budget = static_cast<Budget*>(info);
  if (bytes > budget->left) return nullptr;
  budget->left -= bytes;
  return std::malloc(bytes);
}

void give(void* memory, void*) { std::free(memory); }

void insert(hid_t type, const char* name, size_t offset, hid_t member, hsize_t count = 1) {
  if (count == 1) {
    check(H5Tinsert(type, name, offset, member));
  } else {
    const Id array(H5Tarray_create2(member, 1, &count), H5Tclose);
    check(H5Tinsert(type, name, offset, array));
  }
}

Id counters_type() {
  using C = ISMRMRD::ISMRMRD_EncodingCounters;
  Id type(H5Tcreate(H5T_COMPOUND, sizeof(C)), H5Tclose);
  const char* names[] = {"kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast", "phase", "repetition", "set", "segment"};
  size_t offset = 0;
  for (const char* name : names) {
    insert(type, name, offset, H5T_NATIVE_UINT16);
    offset += sizeof(uint16_t);
  }
  insert(type, "user", HOFFSET(C, user), H5T_NATIVE_UINT16, 8);
  return type;
}

Id header_type() {
  Id type(H5Tcreate(H5T_COMPOUND, sizeof(Header)), H5Tclose);
  insert(type, "version", HOFFSET(Header, version), H5T_NATIVE_UINT16);
  insert(type, "flags", HOFFSET(Header, flags), H5T_NATIVE_UINT64);
  insert(type, "scan_counter", HOFFSET(Header, scan_counter), H5T_NATIVE_UINT32);
  insert(type, "number_of_samples", HOFFSET(Header, number_of_samples), H5T_NATIVE_UINT16);
  insert(type, "active_channels", HOFFSET(Header, active_channels), H5T_NATIVE_UINT16);
  insert(type, "discard_pre", HOFFSET(Header, discard_pre), H5T_NATIVE_UINT16);
  insert(type, "discard_post", HOFFSET(Header, discard_post), H5T_NATIVE_UINT16);
  insert(type, "center_sample", HOFFSET(Header, center_sample), H5T_NATIVE_UINT16);
  insert(type, "encoding_space_ref", HOFFSET(Header, encoding_space_ref), H5T_NATIVE_UINT16);
  insert(type, "trajectory_dimensions", HOFFSET(Header, trajectory_dimensions), H5T_NATIVE_UINT16);
  insert(type, "sample_time_us", HOFFSET(Header, sample_time_us), H5T_NATIVE_FLOAT);
  insert(type, "position", HOFFSET(Header, position), H5T_NATIVE_FLOAT, 3);
  insert(type, "read_dir", HOFFSET(Header, read_dir), H5T_NATIVE_FLOAT, 3);
  insert(type, "phase_dir", HOFFSET(Header, phase_dir), H5T_NATIVE_FLOAT, 3);
  insert(type, "slice_dir", HOFFSET(Header, slice_dir), H5T_NATIVE_FLOAT, 3);
  insert(type, "patient_table_position", HOFFSET(Header, patient_table_position), H5T_NATIVE_FLOAT, 3);
  insert(type, "idx", HOFFSET(Header, idx), counters_type());
  return type;
}

Id member(hid_t type, const char* name, H5T_class_t wanted) {
  const int index = H5Tget_member_index(type, name);
  if (index < 0) throw Refusal(std::string("The ISMRMRD acquisitions have no member '") + name + "'.");
  Id found(H5Tget_member_type(type, static_cast<unsigned>(index)), H5Tclose);
  if (H5Tget_class(found) != wanted) throw Refusal(std::string("The ISMRMRD acquisitions' member '") + name + "' has the wrong type.");
  return found;
}

// Further members of the file are ignored; the members read here must exist.
void check_header(hid_t file_head, hid_t memory_head) {
  for (int i = 0; i < H5Tget_nmembers(memory_head); ++i) {
    char* name = H5Tget_member_name(memory_head, static_cast<unsigned>(i));
    const bool found = H5Tget_member_index(file_head, name) >= 0;
    const std::string owned = name;
    H5free_memory(name);
    if (!found) throw Refusal("The ISMRMRD acquisition headers have no member '" + owned + "'.");
  }
}

class Acquisitions {
 public:
  Acquisitions(hid_t dataset, const Request& request) : dataset_(dataset), request_(request), type_(H5Tcreate(H5T_COMPOUND, sizeof(Record)), H5Tclose) {
    const Id file_type(H5Dget_type(dataset), H5Tclose);
    if (H5Tget_class(file_type) != H5T_COMPOUND) throw Refusal("The HDF5 file's dataset 'data' holds no ISMRMRD acquisitions.");
    const Id head = header_type();
    check_header(member(file_type, "head", H5T_COMPOUND), head);
    check(H5Tinsert(type_, "head", HOFFSET(Record, head), head));
    const Id file_traj(H5Tget_super(member(file_type, "traj", H5T_VLEN)), H5Tclose);
    if (H5Tget_class(file_traj) != H5T_FLOAT) throw Refusal("The ISMRMRD trajectories are not real numbers.");
    insert(type_, "traj", HOFFSET(Record, traj), Id(H5Tvlen_create(H5T_NATIVE_FLOAT), H5Tclose));
    // Samples are pairs, or single numbers in turn.
    const Id file_data(H5Tget_super(member(file_type, "data", H5T_VLEN)), H5Tclose);
    pairs_ = H5Tget_class(file_data) == H5T_COMPOUND;
    if (!pairs_ && H5Tget_class(file_data) != H5T_FLOAT) throw Refusal("The ISMRMRD samples are not complex numbers.");
    const Id sample = pairs_ ? complex_type(file_data) : Id(H5Tcopy(H5T_NATIVE_FLOAT), H5Tclose);
    insert(type_, "data", HOFFSET(Record, data), Id(H5Tvlen_create(sample), H5Tclose));
  }

  void read_all() {
    const std::vector<hsize_t> sizes = extent(dataset_);
    hsize_t count = sizes.empty() ? 0 : 1;
    for (const hsize_t size : sizes) {
      if (size != 0 && count > static_cast<uint64_t>(request_.max_elements) / size)
        throw Refusal("The ISMRMRD file holds too many acquisitions.");
      count *= size;
    }
    if (count == 0) throw Refusal("The ISMRMRD file holds no acquisitions.");
    if (sizes.size() > 1 && count != *std::max_element(sizes.begin(), sizes.end())) throw Refusal("The ISMRMRD acquisitions must be a one-dimensional list.");
    for (hsize_t first = 0; first < count; first += block) read_block(sizes, first, std::min<hsize_t>(block, count - first));
  }

  std::vector<Header> heads;
  std::vector<std::complex<float>> samples;
  std::vector<float> trajectories;

 private:
  void read_block(const std::vector<hsize_t>& sizes, hsize_t first, hsize_t count) {
    std::vector<hsize_t> start(sizes.size(), 0), counts(sizes.size(), 1);
    const auto axis = static_cast<size_t>(std::max_element(sizes.begin(), sizes.end()) - sizes.begin());
    start[axis] = first;
    counts[axis] = count;
    const Id from(H5Dget_space(dataset_), H5Sclose);
    check(H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr, counts.data(), nullptr));
    const Id to(H5Screate_simple(1, &count, nullptr), H5Sclose);
    Budget budget{(static_cast<size_t>(request_.max_elements) + block) * sizeof(std::complex<float>)};
    const Id transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
    check(H5Pset_vlen_mem_manager(transfer, take, &budget, give, nullptr));
    std::vector<Record> records(count);
    std::memset(static_cast<void*>(records.data()), 0, count * sizeof(Record));
    const herr_t status = H5Dread(dataset_, type_, to, from, transfer, records.data());
    try {
      check(status);
      for (const Record& record : records) keep(record);
    } catch (...) {
      H5Dvlen_reclaim(type_, to, transfer, records.data());
      throw;
    }
    H5Dvlen_reclaim(type_, to, transfer, records.data());
  }

  void keep(const Record& record) {
    const size_t wanted = static_cast<size_t>(record.head.number_of_samples) * record.head.active_channels;
    const size_t positions = static_cast<size_t>(record.head.number_of_samples) * record.head.trajectory_dimensions;
    if (record.data.len != (pairs_ ? wanted : 2 * wanted)) throw Refusal("An ISMRMRD acquisition has another number of samples than its header states.");
    if (record.traj.len != positions) throw Refusal("An ISMRMRD acquisition's trajectory has another length than its header states.");
    request_.check_elements(samples.size() + wanted + trajectories.size() + positions);
    heads.push_back(record.head);
    const auto* data = static_cast<const std::complex<float>*>(record.data.p);
    samples.insert(samples.end(), data, data + wanted);
    const auto* traj = static_cast<const float*>(record.traj.p);
    trajectories.insert(trajectories.end(), traj, traj + positions);
  }

  hid_t dataset_;
  const Request& request_;
  Id type_;
  bool pairs_ = false;
};

// The group "dataset", or the first with the two datasets.
Id find_group(hid_t file) {
  std::string found;
  if (has(file, "dataset", H5O_TYPE_GROUP)) {
    found = "dataset";
  } else {
    H5Literate(
        file, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr,
        [](hid_t at, const char* name, const H5L_info_t*, void* to) -> herr_t {
          if (!has(at, name, H5O_TYPE_GROUP)) return 0;
          const hid_t group = H5Gopen2(at, name, H5P_DEFAULT);
          if (group < 0) return 0;
          const bool fits = has(group, "xml", H5O_TYPE_DATASET) && has(group, "data", H5O_TYPE_DATASET);
          H5Gclose(group);
          if (fits) *static_cast<std::string*>(to) = name;
          return fits ? 1 : 0;
        },
        &found);
  }
  if (found.empty())
    throw Refusal("The HDF5 file holds neither ISMRMRD acquisitions (a group with 'xml' and 'data') nor fastMRI's dataset 'kspace'.");
  return {H5Gopen2(file, found.c_str(), H5P_DEFAULT), H5Gclose};
}

}  // namespace

Answer read_ismrmrd(hid_t file, const Request& request) {
  const Id group = find_group(file);
  Answer answer;
  answer.head["xml"] = read_text(open_dataset(group, "xml"));
  const Id data = open_dataset(group, "data");
  Acquisitions all(data, request);
  all.read_all();
  const auto count = static_cast<int64_t>(all.heads.size());
  std::vector<uint8_t> heads(all.heads.size() * sizeof(Header));
  std::memcpy(heads.data(), all.heads.data(), heads.size());
  answer.add("headers", "u1", {count, sizeof(Header)}, std::move(heads));
  const auto samples = static_cast<int64_t>(all.samples.size()), positions = static_cast<int64_t>(all.trajectories.size());
  answer.add("samples", "c8", {samples}, std::move(all.samples));
  answer.add("trajectories", "f4", {positions}, std::move(all.trajectories));
  return answer;
}

}  // namespace reader
