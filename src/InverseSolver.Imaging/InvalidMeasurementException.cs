namespace InverseSolver.Imaging;

/// <summary>A file that cannot be used as it is. Its text is shown to the caller and holds no path and no patient data.</summary>
/// <param name="message">What is wrong with the file, and what would be right.</param>
public sealed class InvalidMeasurementException(string message) : Exception(message);
