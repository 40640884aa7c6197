#include "channel.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace reader {
namespace {

constexpr uint32_t version = 1;
constexpr uint64_t most_json = 64 << 20;

struct Frame {
  char magic[4];
  uint32_t number;
  uint64_t json_bytes, blob_bytes;
};
static_assert(sizeof(Frame) == 24 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the frame is written as it lies in memory");

}  // namespace

std::optional<Request> Channel::receive() {
  Frame frame;
  if (!read(&frame, sizeof frame)) return std::nullopt;
  // Without its length a frame cannot be skipped: the two ends are out of sync.
  if (std::memcmp(frame.magic, "INVR", 4) != 0 || frame.number != version || frame.json_bytes > most_json) std::_Exit(2);
  std::string text(frame.json_bytes, '\0');
  Request request;
  request.blob.resize(frame.blob_bytes);
  if (!read(text.data(), text.size()) || !read(request.blob.data(), request.blob.size())) return std::nullopt;
  request.head = json::parse(text, nullptr, false);
  return request;
}

void Channel::send(Answer answer) {
  answer.head["arrays"] = answer.arrays_;
  write_head(Status::ok, answer.head, answer.size_);
  for (const Answer::Part& part : answer.parts_) write(part.data, part.bytes);
}

void Channel::send(Status status, const std::string& message) { write_head(status, {{"message", message}}, 0); }

void Channel::write_head(Status status, const json& head, uint64_t blob_bytes) {
  const std::string text = head.dump(-1, ' ', false, json::error_handler_t::replace);
  const Frame frame{{'I', 'N', 'V', 'A'}, static_cast<uint32_t>(status), text.size(), blob_bytes};
  write(&frame, sizeof frame);
  write(text.data(), text.size());
}

bool Channel::read(void* to, size_t bytes) {
  auto* at = static_cast<uint8_t*>(to);
  while (bytes > 0) {
    const ssize_t got = ::read(in_, at, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

void Channel::write(const void* from, size_t bytes) {
  auto* at = static_cast<const uint8_t*>(from);
  while (bytes > 0) {
    const ssize_t put = ::write(out_, at, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) std::_Exit(0);  // the parent is gone
    at += put;
    bytes -= static_cast<size_t>(put);
  }
}

}  // namespace reader
