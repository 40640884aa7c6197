// The operations that main.cpp lists.
#pragma once
#include "protocol.h"

namespace reader {

void prepare_hdf5();  // before the sandbox closes
Answer read_raw_hdf5(const Request& request);  // k-space, as ISMRMRD or as fastMRI has it; the answer's "layout" says which

}  // namespace reader
