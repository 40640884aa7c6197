namespace InverseSolver.Reconstruction;

/// <summary>A measurement made from a known image.</summary>
/// <param name="Measurement">y = A(x) + n.</param>
/// <param name="Files">What the problem's generators drew (mask, kernel), by name, for looking at.</param>
public sealed record SimulatedMeasurement(ArrayData Measurement, IReadOnlyDictionary<string, ArrayData> Files)
{
    /// <summary>Remarks for the caller on the image and the files, in sentences.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
