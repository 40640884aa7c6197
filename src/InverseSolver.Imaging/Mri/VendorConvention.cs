namespace InverseSolver.Imaging;

/// <summary>
/// The convention for the directions in an ISMRMRD file, on which the geometry of DICOM and NIfTI files depends: auto (absent) turns them by 180 degrees where
/// the header names Siemens, siemens always, none never.
/// </summary>
public enum VendorConvention
{
    /// <summary><see cref="Siemens"/> where the header names that vendor, else <see cref="None"/>.</summary>
    Auto,

    /// <summary>Along the directions as stored, with the inverse transform from k-space to the image.</summary>
    None,

    /// <summary>
    /// Against the directions. Siemens reconstructs images from k-space by the forward transform, and its converter writes the directions of those images:
    /// mrpro conjugates the k-space of this vendor, SIRF turns the three directions of every file. Neither was shown on a scan beside the scanner's own images.
    /// </summary>
    Siemens,
}
