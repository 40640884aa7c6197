// The part of the protocol that the formats use. A request and an answer are a JSON object and a blob:
//   request  "INVR" u32 version  u64 jsonBytes u64 blobBytes json blob
//   answer   "INVA" u32 status   u64 jsonBytes u64 blobBytes json blob
// little endian, on standard input and output. A request's JSON has "op" and "limits" {"elements", "seconds"}; an answer's has "arrays",
// the layout of the blob, or "message".
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace reader {

using nlohmann::json;

// The file cannot be used. The text is shown to its sender: no path, no patient data.
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The request is invalid: a fault of the calling program.
struct BadCall : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Request {
  json head;
  std::vector<uint8_t> blob;
  int64_t max_elements = 0;  // the most numbers that an answer may hold; a complex number counts once

  // Refuses a file with more.
  void check_elements(uint64_t count) const {
    if (count > static_cast<uint64_t>(max_elements))
      throw Refusal("The file holds " + std::to_string(count) + " numbers; at most " + std::to_string(max_elements) + " are allowed.");
  }

  // The same, for numbers that the file's header claims before they are read: also refuses claims that a file of this size cannot hold, and widens the budget
  // for the rest. Must be called before memory is allocated for them.
  void expect_elements(uint64_t count, size_t bytes_each) const;
};

class Answer {
 public:
  json head = json::object();

  // dtype as NumPy writes it, without the byte order: u1, i2, u2, i4, u4, i8, f4, f8, c8. shape outermost first.
  template <class T>
  void add(const std::string& name, const std::string& dtype, const std::vector<int64_t>& shape, std::vector<T> values) {
    const auto owned = std::make_shared<std::vector<T>>(std::move(values));
    const size_t bytes = owned->size() * sizeof(T);
    arrays_.push_back({{"name", name}, {"dtype", dtype}, {"shape", shape}, {"offset", size_}, {"bytes", bytes}});
    parts_.push_back({owned, owned->data(), bytes});
    size_ += bytes;
  }

 private:
  struct Part {
    std::shared_ptr<const void> owner;
    const void* data;
    size_t bytes;
  };
  std::vector<json> arrays_;
  std::vector<Part> parts_;
  uint64_t size_ = 0;

  friend class Channel;
};

using Operation = Answer (*)(const Request& request);

}  // namespace reader
