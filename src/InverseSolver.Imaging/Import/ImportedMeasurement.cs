namespace InverseSolver.Imaging;

/// <summary>The content of a measurement's file.</summary>
/// <param name="Files">
/// By the names of a request's files: <c>measurement</c>, and what else the file holds (<c>mask</c>, <c>covariance</c>, <c>calibration</c>, <c>trajectory</c>,
/// ...).
/// </param>
/// <param name="Origin">Its origin.</param>
public sealed record ImportedMeasurement(IReadOnlyDictionary<string, ImportedFile> Files, MeasurementOrigin Origin)
{
    /// <summary>
    /// True where a file that was sent beside the measurement is already among <see cref="Files"/>: BART's trajectory, which is read with its k-space.
    /// </summary>
    /// <param name="name">The file's name.</param>
    public bool Includes(string name) => Origin.Format == "bart" && name == "trajectory" && Files.ContainsKey(name);

    /// <summary>True where <see cref="Origin"/> states the size of the image along a trajectory.</summary>
    public bool KnowsImageSize => Origin.IsScan || Includes("trajectory");
}

/// <summary>A file as an array.</summary>
/// <param name="Array">Its values.</param>
/// <param name="Quantisation">Standard deviation of its rounding, in the units of <paramref name="Array"/>; 0 for finer files.</param>
public sealed record ImportedFile(ArrayData Array, double Quantisation);

/// <summary>The kind of measurement that a problem takes.</summary>
public enum MeasurementKind
{
    /// <summary>An image, (channels, height, width), on [0,1].</summary>
    Image,

    /// <summary>k-space of one coil, (rows, columns), of an image on [0,1].</summary>
    SingleCoil,

    /// <summary>k-space of several coils, (coils, rows, columns), in any unit.</summary>
    MultiCoil,
}
