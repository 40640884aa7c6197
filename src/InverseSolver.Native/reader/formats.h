// The operations that main.cpp lists.
#pragma once
#include "protocol.h"

namespace reader {

void prepare_hdf5();  // before the sandbox closes
Answer read_ismrmrd(const Request& request);
Answer read_fastmri(const Request& request);

}  // namespace reader
