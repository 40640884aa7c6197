// The operations that main.cpp lists.
#pragma once
#include "protocol.h"

namespace reader {

void prepare_hdf5();  // before the sandbox closes
Answer read_raw_hdf5(const Request& request);  // k-space, in the layout of ISMRMRD or fastMRI, which the answer's "layout" states

void prepare_dicom();  // before the sandbox closes
Answer read_dicom(const Request& request);
Answer read_dicom_study(const Request& request);
Answer write_dicom(const Request& request);

}  // namespace reader
