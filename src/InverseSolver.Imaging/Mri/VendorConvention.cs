namespace InverseSolver.Imaging;

/// <summary>Which way the directions in an ISMRMRD file go, and so where DICOM and NIfTI lie: auto (absent) turns them by 180 degrees where the header names Siemens, siemens always, none never.</summary>
public enum VendorConvention
{
    /// <summary><see cref="Siemens"/> where the header names that vendor, else <see cref="None"/>.</summary>
    Auto,

    /// <summary>Along the directions as they stand, with the inverse transform from k-space to the image.</summary>
    None,

    /// <summary>
    /// Against the directions. Siemens' images come from k-space by the forward transform, and its converter writes the directions of those: mrpro conjugates the k-space of this
    /// vendor, SIRF turns the three directions of every file. Neither shows it on a scan beside the scanner's own images.
    /// </summary>
    Siemens,
}
