// The operations that main.cpp lists.
#pragma once
#include "protocol.h"

namespace reader {

void prepare_hdf5();  // before the sandbox closes
Answer read_raw_hdf5(const Request& request);  // k-space, as ISMRMRD or as fastMRI has it; the answer's "layout" says which

void prepare_dicom();  // before the sandbox closes
Answer read_dicom(const Request& request);
Answer read_dicom_study(const Request& request);
Answer write_dicom(const Request& request);

}  // namespace reader
