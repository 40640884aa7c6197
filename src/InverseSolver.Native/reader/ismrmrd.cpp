#include "formats.h"

namespace reader {

Answer read_ismrmrd(const Request&) { throw Refusal("ISMRMRD files are not read yet."); }

}  // namespace reader
