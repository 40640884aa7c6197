// A derived MR series: one MR Image Storage file for each slice. The caller chooses the texts; the attributes copied from a reference are chosen here.
#include <dcmtk/dcmdata/dcostrmb.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "dicom_parse.h"
#include "formats.h"

namespace reader {
namespace {

// The Patient module's identity. Further personal data (comments, other names, address, age) are not copied.
const DcmTagKey patient[] = {
    DCM_PatientName,   DCM_PatientID,        DCM_IssuerOfPatientID,    DCM_IssuerOfPatientIDQualifiersSequence, DCM_TypeOfPatientID,
    DCM_PatientBirthDate, DCM_PatientBirthTime, DCM_PatientSex,        DCM_OtherPatientIDsSequence,             DCM_PatientSpeciesDescription,
    DCM_PatientSpeciesCodeSequence, DCM_PatientBreedDescription, DCM_PatientBreedCodeSequence, DCM_BreedRegistrationSequence, DCM_ResponsiblePerson,
    DCM_ResponsiblePersonRole, DCM_ResponsibleOrganization, DCM_PatientIdentityRemoved, DCM_DeidentificationMethod, DCM_DeidentificationMethodCodeSequence,
};

const DcmTagKey study[] = {
    DCM_StudyInstanceUID, DCM_StudyDate, DCM_StudyTime, DCM_ReferringPhysicianName, DCM_StudyID, DCM_AccessionNumber, DCM_IssuerOfAccessionNumberSequence,
    DCM_StudyDescription,
};

// The series, the frame of reference, and attributes of the acquisition that do not depend on the reconstruction.
const DcmTagKey acquisition[] = {
    DCM_BodyPartExamined, DCM_Laterality, DCM_PatientPosition, DCM_ProtocolName, DCM_FrameOfReferenceUID, DCM_PositionReferenceIndicator,
    DCM_AcquisitionNumber, DCM_AcquisitionDate, DCM_AcquisitionTime, DCM_LossyImageCompression, DCM_LossyImageCompressionRatio,
    DCM_LossyImageCompressionMethod,
};

const DcmTagKey magnetic_resonance[] = {
    DCM_ScanningSequence, DCM_SequenceVariant, DCM_ScanOptions, DCM_MRAcquisitionType, DCM_RepetitionTime, DCM_EchoTime, DCM_EchoTrainLength,
    DCM_InversionTime, DCM_TriggerTime, DCM_SequenceName, DCM_AngioFlag, DCM_NumberOfAverages, DCM_ImagingFrequency, DCM_ImagedNucleus,
    DCM_EchoNumbers, DCM_MagneticFieldStrength, DCM_NumberOfPhaseEncodingSteps, DCM_PercentSampling, DCM_PercentPhaseFieldOfView, DCM_PixelBandwidth,
    DCM_ReceiveCoilName, DCM_TransmitCoilName, DCM_AcquisitionMatrix, DCM_InPlanePhaseEncodingDirection, DCM_FlipAngle, DCM_VariableFlipAngleFlag,
    DCM_SAR, DCM_dBdt, DCM_DiffusionBValue,
};

void check(const OFCondition& done) {
  if (done.bad()) throw BadCall(std::string("The DICOM file cannot be written: ") + done.text());
}

void remove_private(DcmItem& item) {
  for (unsigned long i = item.card(); i-- > 0;) {
    DcmElement* element = item.getElement(i);
    if ((element->getGTag() & 1) != 0) delete item.remove(element);
    else if (auto* sequence = dynamic_cast<DcmSequenceOfItems*>(element))
      for (unsigned long k = 0; k < sequence->card(); ++k) remove_private(*sequence->getItem(k));
  }
}

template <size_t N>
void copy(const DcmTagKey (&tags)[N], DcmItem& from, DcmItem& to) {
  for (const DcmTagKey& tag : tags) {
    DcmElement* element = nullptr;
    if (from.tagExistsWithValue(tag) && from.findAndGetElement(tag, element, OFFalse, OFTrue).good()) check(to.insert(element, OFTrue));
  }
}

DcmTag tag_of(const std::string& key) {
  unsigned group = 0, element = 0;
  if (std::sscanf(key.c_str(), "%4x,%4x", &group, &element) != 2) throw BadCall("An attribute's tag is not one.");
  return {static_cast<Uint16>(group), static_cast<Uint16>(element)};
}

// {"0008,0060": "MR", ...}; an empty text is an element without a value, null removes the element.
void put_texts(const json& texts, DcmItem& to) {
  for (const auto& [key, value] : texts.items()) {
    if (value.is_null()) to.findAndDeleteElement(tag_of(key));
    else check(to.putAndInsertString(tag_of(key), value.get_ref<const std::string&>().c_str()));
  }
}

void put_missing(DcmItem& to, const DcmTagKey& tag, const char* value) {
  if (!to.tagExists(tag)) check(to.putAndInsertString(tag, value));
}

void put_code(DcmItem& to, const DcmTagKey& sequence, const char* value, const char* scheme, const char* meaning) {
  DcmItem* item = nullptr;
  check(to.findOrCreateSequenceItem(sequence, item, -2));
  check(item->putAndInsertString(DCM_CodeValue, value));
  check(item->putAndInsertString(DCM_CodingSchemeDesignator, scheme));
  check(item->putAndInsertString(DCM_CodeMeaning, meaning));
}

// The measuring equipment; the reconstructing software is in the Equipment module.
DcmItem& add_scanner(DcmItem& to) {
  DcmItem* scanner = nullptr;
  check(to.findOrCreateSequenceItem(DCM_ContributingEquipmentSequence, scanner, -2));
  put_code(*scanner, DCM_PurposeOfReferenceCodeSequence, "109101", "DCM", "Acquisition Equipment");
  return *scanner;
}

// The image that the derived one comes from, [class, instance] or the reference itself, and the scanner that made it.
void put_source(DcmItem& from, const json& named, DcmItem& to) {
  const std::string type = named.is_array() ? named.at(0).get<std::string>() : text_of(from, DCM_SOPClassUID);
  const std::string instance = named.is_array() ? named.at(1).get<std::string>() : text_of(from, DCM_SOPInstanceUID);
  if (!type.empty() && !instance.empty()) {
    DcmItem* source = nullptr;
    check(to.findOrCreateSequenceItem(DCM_SourceImageSequence, source, -2));
    check(source->putAndInsertString(DCM_ReferencedSOPClassUID, type.c_str()));
    check(source->putAndInsertString(DCM_ReferencedSOPInstanceUID, instance.c_str()));
    put_code(*source, DCM_PurposeOfReferenceCodeSequence, "121322", "DCM", "Source image for image processing operation");
  }
  if (!from.tagExistsWithValue(DCM_Manufacturer)) return;
  const DcmTagKey kept[] = {DCM_Manufacturer, DCM_ManufacturerModelName, DCM_SoftwareVersions};
  copy(kept, from, add_scanner(to));
}

void put_reference(DcmItem& from, const json& source, DcmItem& to) {
  const DcmTagKey characters[] = {DCM_SpecificCharacterSet};
  copy(characters, from, to);
  copy(patient, from, to);
  copy(study, from, to);
  copy(acquisition, from, to);
  if (text_of(from, DCM_Modality) == "MR") copy(magnetic_resonance, from, to);
  remove_private(to);
  put_source(from, source, to);
}

// Attributes that the standard requires: type 1 with the least specific value, type 2 empty.
void put_required(DcmItem& to) {
  for (const DcmTagKey& tag : {DCM_PatientName, DCM_PatientID, DCM_PatientBirthDate, DCM_PatientSex, DCM_StudyDate, DCM_StudyTime,
                               DCM_ReferringPhysicianName, DCM_StudyID, DCM_AccessionNumber, DCM_PatientPosition, DCM_PositionReferenceIndicator,
                               DCM_ScanOptions, DCM_MRAcquisitionType, DCM_RepetitionTime, DCM_EchoTime, DCM_EchoTrainLength})
    put_missing(to, tag, "");
  // Paired body parts need a laterality, even if unknown; these parts are known to be unpaired.
  const std::string part = text_of(to, DCM_BodyPartExamined);
  const char* const unpaired[] = {"ABDOMEN", "BRAIN", "CHEST", "CSPINE", "HEAD", "HEART", "LIVER", "LSPINE", "NECK", "PELVIS", "PROSTATE", "SPINE", "TSPINE"};
  if (std::find(std::begin(unpaired), std::end(unpaired), part) == std::end(unpaired)) put_missing(to, DCM_Laterality, "");
  put_missing(to, DCM_ScanningSequence, "RM");
  put_missing(to, DCM_SequenceVariant, "NONE");
  put_missing(to, DCM_LossyImageCompression, "00");
}

struct Scale {
  double slope, intercept;
};

void put_pixels(const uint16_t* pixels, uint16_t rows, uint16_t columns, const Scale& scale, bool is_padded, DcmItem& to) {
  const size_t count = size_t{rows} * columns;
  for (const auto& [tag, value] : {std::pair<DcmTagKey, Uint16>{DCM_SamplesPerPixel, 1}, {DCM_Rows, rows}, {DCM_Columns, columns}, {DCM_BitsAllocated, 16},
                                   {DCM_BitsStored, 16}, {DCM_HighBit, 15}, {DCM_PixelRepresentation, 0}})
    check(to.putAndInsertUint16(tag, value));
  check(to.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2"));
  const auto [smallest, largest] = std::minmax_element(pixels, pixels + count);
  check(to.putAndInsertUint16(DCM_SmallestImagePixelValue, *smallest));
  check(to.putAndInsertUint16(DCM_LargestImagePixelValue, *largest));
  check(to.putAndInsertUint16Array(DCM_PixelData, pixels, static_cast<unsigned long>(count)));

  if (is_padded) check(to.putAndInsertUint16(DcmTag(DCM_PixelPaddingValue, EVR_US), 0));

  DcmItem* real = nullptr;
  check(to.findOrCreateSequenceItem(DCM_RealWorldValueMappingSequence, real, -2));
  check(real->putAndInsertUint16(DcmTag(DCM_RealWorldValueFirstValueMapped, EVR_US), is_padded ? 1 : 0));
  check(real->putAndInsertUint16(DcmTag(DCM_RealWorldValueLastValueMapped, EVR_US), 65535));
  check(real->putAndInsertFloat64(DCM_RealWorldValueIntercept, scale.intercept));
  check(real->putAndInsertFloat64(DCM_RealWorldValueSlope, scale.slope));
  check(real->putAndInsertString(DCM_LUTExplanation, "Units of the reconstruction"));
  check(real->putAndInsertString(DCM_LUTLabel, "RECONSTRUCTION"));
  put_code(*real, DCM_MeasurementUnitsCodeSequence, "1", "UCUM", "no units");
}

std::vector<uint8_t> bytes_of(DcmFileFormat& file) {
  check(file.validateMetaInfo(EXS_LittleEndianExplicit));
  std::vector<uint8_t> bytes(file.calcElementLength(EXS_LittleEndianExplicit, EET_ExplicitLength) + 65536);
  DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  file.transferInit();
  check(file.write(stream, EXS_LittleEndianExplicit, EET_ExplicitLength, nullptr));
  file.transferEnd();
  void* start = nullptr;
  offile_off_t size = 0;
  stream.flushBuffer(start, size);
  bytes.resize(static_cast<size_t>(size));
  return bytes;
}

}  // namespace

// The blob holds the stored values of all slices (u2), then the reference, if there is one.
Answer write_dicom(const Request& request) {
  const json& head = request.head;
  const json& instances = head.at("instances");
  const auto rows = head.at("rows").get<uint16_t>(), columns = head.at("columns").get<uint16_t>();
  const json& sources = head.at("sources");
  const Scale scale{head.at("slope").get<double>(), head.at("intercept").get<double>()};
  const size_t pixels = size_t{rows} * columns, bytes = instances.size() * pixels * sizeof(uint16_t);
  if (pixels == 0 || instances.empty() || request.blob.size() < bytes) throw BadCall("The slices do not fit their sizes.");
  request.check_elements(uint64_t{pixels} * instances.size());

  std::unique_ptr<DcmFileFormat> reference;
  if (request.blob.size() > bytes) reference = parse_dicom(request.blob.data() + bytes, request.blob.size() - bytes);

  Answer answer;
  std::vector<uint16_t> slice(pixels);
  for (size_t i = 0; i < instances.size(); ++i) {
    DcmFileFormat file;
    DcmDataset& data = *file.getDataset();
    if (reference) put_reference(*reference->getDataset(), sources.empty() ? json() : sources.at(i), data);
    put_texts(head.at("texts"), data);
    put_texts(instances[i], data);
    if (!head.at("scanner").empty()) put_texts(head["scanner"], add_scanner(data));
    for (const auto& [key, value] : head.at("missing").items())
      if (!data.tagExistsWithValue(tag_of(key))) put_texts({{key, value}}, data);
    put_required(data);
    std::copy_n(request.blob.data() + (i * pixels * 2), pixels * 2, reinterpret_cast<uint8_t*>(slice.data()));
    put_pixels(slice.data(), rows, columns, scale, head.at("isPadded").get<bool>(), data);
    std::vector<uint8_t> written = bytes_of(file);
    const auto size = static_cast<int64_t>(written.size());
    answer.add(std::to_string(i), "u1", {size}, std::move(written));
  }
  return answer;
}

}  // namespace reader
