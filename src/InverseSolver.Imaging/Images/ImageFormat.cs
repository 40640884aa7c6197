namespace InverseSolver.Imaging;

/// <summary>The image file formats that are read.</summary>
public enum ImageFormat
{
    /// <summary>Portable Network Graphics.</summary>
    Png = 1,

    /// <summary>JPEG.</summary>
    Jpeg = 2,

    /// <summary>TIFF and BigTIFF.</summary>
    Tiff = 3,

    /// <summary>WebP.</summary>
    WebP = 4,
}
