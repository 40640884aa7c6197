// inverse_reader MEMORY_BYTES: reads untrusted files for its parent, one request after the other, until standard input ends.
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "channel.h"
#include "formats.h"
#include "sandbox.h"

using namespace reader;

namespace {

// The budget of a file: a constant for small ones, and a part that grows with its size. Valid files of any size took at most 35 % of it.
constexpr uint64_t memory_floor = 64 << 20, memory_per_byte = 4;
constexpr double seconds_floor = 1, bytes_per_second = 16 << 20;

bool filtered = false;

Answer hello(const Request&) {
  Answer answer;
  answer.head["filtered"] = filtered;
  return answer;
}

const std::map<std::string, Operation>& operations() {
  static const std::map<std::string, Operation> all = {
      {"hello", hello},
      {"raw-hdf5", read_raw_hdf5},
      {"dicom", read_dicom},
      {"dicom-study", read_dicom_study},
      {"dicom-write", write_dicom},
  };
  return all;
}

// Tables are loaded and files are opened here; later this is not possible.
void prepare() {
  prepare_hdf5();
  prepare_dicom();
}

Answer run(Request& request) {
  if (!request.head.is_object()) throw BadCall("The request is not a JSON object.");
  const json& limits = request.head.at("limits");
  request.max_elements = limits.at("elements");
  const auto found = operations().find(request.head.value("op", ""));
  if (found == operations().end()) throw BadCall("There is no such operation.");
  // The parent ends a call that takes too long. If the parent is gone, this does.
  alarm(2 + limits.at("seconds").get<unsigned>());
  const Budget budget(memory_floor + (memory_per_byte * request.blob.size()), seconds_floor + (static_cast<double>(request.blob.size()) / bytes_per_second));
  return found->second(request);
}

void answer(Channel& channel, Request& request) {
  try {
    channel.send(run(request));
  } catch (const Refusal& e) {
    channel.send(Status::refused, e.what());
  } catch (const BadCall& e) {
    channel.send(Status::bad_call, e.what());
  } catch (const json::exception& e) {
    channel.send(Status::bad_call, e.what());
  } catch (const std::exception& e) {
    channel.send(Status::failed, e.what());
  } catch (...) {
    channel.send(Status::failed, "unknown");
  }
}

}  // namespace

void reader::Request::expect_elements(uint64_t count, size_t bytes_each) const {
  check_elements(count);
  // Deflate expands by a factor of at most 1032.
  constexpr uint64_t always = 32 << 20, expansion = 1032, copies = 3;
  const uint64_t bytes = count * bytes_each;
  if (bytes > always && bytes / expansion > blob.size())
    throw Refusal("The file claims " + std::to_string(count) + " numbers, which its " + std::to_string(blob.size()) + " bytes cannot hold.");
  Budget::extend(copies * bytes, static_cast<double>(bytes) / bytes_per_second);
}

int main(int count, char** arguments) {
  const uint64_t memory = count == 2 ? std::strtoull(arguments[1], nullptr, 10) : 0;
  if (memory == 0) return 2;
  Channel channel(STDIN_FILENO, take_output());
  prepare();
  filtered = close_sandbox(memory);
  while (std::optional<Request> request = channel.receive()) {
    answer(channel, *request);
    alarm(0);
    malloc_trim(0);
  }
  return 0;
}
