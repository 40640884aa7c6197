namespace InverseSolver.Imaging;

/// <summary>A file that cannot be used as it is. Its text is shown to the caller and holds no path and no patient data.</summary>
/// <param name="message">The fault of the file and its remedy.</param>
public sealed class InvalidMeasurementException(string message) : Exception(message);
