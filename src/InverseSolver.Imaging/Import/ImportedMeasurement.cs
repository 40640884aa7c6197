namespace InverseSolver.Imaging;

/// <summary>What a measurement's file holds.</summary>
/// <param name="Files">By the names of a request's files: <c>measurement</c>, and what else the file holds (<c>mask</c>, <c>covariance</c>, <c>calibration</c>, <c>trajectory</c>, ...).</param>
/// <param name="Origin">Where it comes from.</param>
public sealed record ImportedMeasurement(IReadOnlyDictionary<string, ImportedFile> Files, MeasurementOrigin Origin);
