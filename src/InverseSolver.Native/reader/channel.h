// The two pipes to the parent.
#pragma once
#include <optional>

#include "protocol.h"

namespace reader {

enum class Status : uint32_t { ok = 0, refused = 1, bad_call = 2, failed = 3 };

class Channel {
 public:
  Channel(int in, int out) : in_(in), out_(out) {}

  // Nothing when the parent has closed its end.
  std::optional<Request> receive();
  void send(Answer answer);
  void send(Status status, const std::string& message);

 private:
  bool read(void* to, size_t bytes);
  void write(const void* from, size_t bytes);
  void write_head(Status status, const json& head, uint64_t blob_bytes);

  int in_, out_;
};

}  // namespace reader
