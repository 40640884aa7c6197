namespace InverseSolver.Imaging;

/// <summary>What a measurement's file holds.</summary>
/// <param name="Files">By the names of a request's files: <c>measurement</c>, and what else the file holds (<c>mask</c>, <c>covariance</c>, <c>calibration</c>, <c>trajectory</c>, ...).</param>
/// <param name="Origin">Where it comes from.</param>
public sealed record ImportedMeasurement(IReadOnlyDictionary<string, ImportedFile> Files, MeasurementOrigin Origin)
{
    /// <summary>Whether a file that was sent beside the measurement is among <see cref="Files"/> already: BART's trajectory, which is read with its k-space.</summary>
    /// <param name="name">The file's name.</param>
    public bool Includes(string name) => Origin.Format == "bart" && name == "trajectory" && Files.ContainsKey(name);

    /// <summary>Whether <see cref="Origin"/> says how large the image along a trajectory is.</summary>
    public bool KnowsImageSize => Origin.IsScan || Includes("trajectory");
}
