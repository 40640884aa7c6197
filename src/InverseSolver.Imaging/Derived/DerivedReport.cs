namespace InverseSolver.Imaging;

/// <summary>How a result was written as DICOM; nothing of a patient.</summary>
/// <param name="Identifiers">Where patient and study come from: <c>reference</c> (the file of that name, or a measurement that is DICOM), <c>header</c> (of the raw data) or <c>new</c> (a study of nobody).</param>
/// <param name="Geometry">Where the slices' places come from: <c>reference</c>, <c>measurement</c> or <c>unknown</c>.</param>
/// <param name="Instances">How many files.</param>
/// <param name="Remarks">What could not be written, in sentences.</param>
public sealed record DerivedReport(string Identifiers, string Geometry, int Instances, IReadOnlyList<string> Remarks);
