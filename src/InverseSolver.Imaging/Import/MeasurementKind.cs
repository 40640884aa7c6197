namespace InverseSolver.Imaging;

/// <summary>What a problem takes as its measurement.</summary>
public enum MeasurementKind
{
    /// <summary>An image, (channels, height, width), on [0,1].</summary>
    Image,

    /// <summary>k-space of one coil, (rows, columns), of an image on [0,1].</summary>
    SingleCoil,

    /// <summary>k-space of several coils, (coils, rows, columns), in any unit.</summary>
    MultiCoil,
}
