#pragma once
#include <cstdint>

namespace reader {

// Standard output for the answers alone, standard error nowhere. Returns the descriptor of the answers.
int take_output();

// From here on: no more memory than this, no core file, no file opened or written, no socket, process or program. Returns whether the kernel filters calls.
bool close_sandbox(uint64_t memory_bytes);

// What one file may cost while this lives, on top of what the process has then: address space (never more than close_sandbox was given) and processor time,
// after which the process ends. A file that lies about its lengths, or that a library never comes to the end of, is held to the cost of honest ones.
class Budget {
 public:
  Budget(uint64_t memory_bytes, double processor_seconds);
  Budget(const Budget&) = delete;
  ~Budget();
  static void extend(uint64_t memory_bytes, double processor_seconds);
};

}  // namespace reader
