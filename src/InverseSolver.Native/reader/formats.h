// The operations that main.cpp lists.
#pragma once
#include "protocol.h"

namespace reader {

void prepare_hdf5();  // before the sandbox closes
Answer read_ismrmrd(const Request& request);
Answer read_fastmri(const Request& request);

void prepare_dicom();  // before the sandbox closes
Answer read_dicom(const Request& request);
Answer write_dicom(const Request& request);

}  // namespace reader
