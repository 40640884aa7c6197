#pragma once
#include <cstdint>

namespace reader {

// Reserves standard output for the answers and discards standard error. Returns the descriptor of the answers.
int take_output();

// From this call on: no more memory than this, no core file, no file opened or written, no socket, process or program.
// Returns true where the kernel filters calls.
bool close_sandbox(uint64_t memory_bytes);

// The budget of one file while this exists, in addition to the process's usage at that time: address space (never more than close_sandbox was given) and
// processor time, after which the process ends. A file with false lengths, or on which a library does not terminate, thus costs no more than a valid one.
class Budget {
 public:
  Budget(uint64_t memory_bytes, double processor_seconds);
  Budget(const Budget&) = delete;
  ~Budget();
  static void extend(uint64_t memory_bytes, double processor_seconds);
};

}  // namespace reader
