namespace InverseSolver.Imaging;

/// <summary>What a report tells of a measurement's file.</summary>
/// <param name="Format">array, npz, bart, ismrmrd, fastmri, dicom or nifti.</param>
/// <param name="Scale">The measurement is the file's values less the offset, over this.</param>
/// <param name="Offset">In the file's units.</param>
/// <param name="Remarks">What was assumed of the data, corrected, left out or done to it, in sentences.</param>
/// <param name="Geometry">Where each frame lies; null where the file does not say.</param>
public sealed record OriginReport(string Format, double Scale, double Offset, IReadOnlyList<string> Remarks, IReadOnlyList<PlaceReport>? Geometry);
