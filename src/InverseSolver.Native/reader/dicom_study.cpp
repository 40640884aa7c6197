// Patient and study of a DICOM file, as far as a reference is compared by them, in the file's character set.
#include "dicom_parse.h"
#include "formats.h"

namespace reader {

Answer read_dicom_study(const Request& request) {
  const std::unique_ptr<DcmFileFormat> file = parse_dicom(request.blob.data(), request.blob.size());
  Answer answer;
  for (const auto& [name, tag] : {std::pair{"characterSet", DCM_SpecificCharacterSet}, {"patientId", DCM_PatientID}, {"patientName", DCM_PatientName},
                                  {"patientBirthDate", DCM_PatientBirthDate}, {"patientSex", DCM_PatientSex},
                                  {"studyInstanceUid", DCM_StudyInstanceUID}, {"studyDate", DCM_StudyDate},
                                  {"frameOfReferenceUid", DCM_FrameOfReferenceUID}}) {
    const std::string text = text_of(*file->getDataset(), tag);
    answer.add(name, "u1", {static_cast<int64_t>(text.size())}, std::vector<uint8_t>(text.begin(), text.end()));
  }
  return answer;
}

}  // namespace reader
