#pragma once
#include <cstdint>

namespace reader {

// Standard output for the answers alone, standard error nowhere. Returns the descriptor of the answers.
int take_output();

// From here on: no more memory than this, no core file, no file opened or written, no socket, process or program. Returns whether the kernel filters calls.
bool close_sandbox(uint64_t memory_bytes);

}  // namespace reader
