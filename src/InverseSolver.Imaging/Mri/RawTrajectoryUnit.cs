namespace InverseSolver.Imaging;

/// <summary>The unit of the trajectory in a raw-data file, which ISMRMRD does not define.</summary>
public enum RawTrajectoryUnit
{
    /// <summary>Cycles per pixel of the encoded matrix: up to 0.5.</summary>
    CyclesPerPixel,

    /// <summary>Cycles per reconstructed field of view.</summary>
    CyclesPerFieldOfView,

    /// <summary>Cycles per encoded field of view, which is larger where the scan is oversampled.</summary>
    CyclesPerEncodedFieldOfView,
}
