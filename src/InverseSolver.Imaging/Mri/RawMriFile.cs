namespace InverseSolver.Imaging;

/// <summary>Raw MR data in HDF5, in the layout of ISMRMRD or of fastMRI.</summary>
public static class RawMriFile
{
    /// <summary>True where the file begins as an HDF5 file does, with or without a user block before it.</summary>
    public static bool IsHdf5(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> signature = [0x89, (byte)'H', (byte)'D', (byte)'F', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];
        if (file.StartsWith(signature)) return true;
        for (long at = 512; at <= file.Length - signature.Length; at *= 2)
            if (file[(int)at..].StartsWith(signature)) return true;
        return false;
    }

    /// <summary>Reads a file of either layout.</summary>
    /// <param name="reader">The process that parses it.</param>
    /// <param name="file">The whole file.</param>
    /// <param name="unit">The unit of a trajectory; null: to be inferred from its largest number.</param>
    /// <param name="convention">The convention for the directions of an ISMRMRD file; fastMRI's layout has none.</param>
    /// <exception cref="InvalidMeasurementException">The file is damaged, too large, or holds a scan that is not supported; the text says what.</exception>
    public static RawMri Read(FormatReader reader, byte[] file, RawTrajectoryUnit? unit = null, VendorConvention convention = VendorConvention.Auto) =>
        Read(reader, file, layout: null, unit, convention);

    /// <summary>Refuses the files that MATLAB saves, be they HDF5 (7.3) or not.</summary>
    /// <exception cref="InvalidMeasurementException">It is one.</exception>
    internal static void RefuseMatlab(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith("MATLAB "u8))
        {
            throw new InvalidMeasurementException(
                "It is a MATLAB file (.mat), which does not state the meaning of its arrays' dimensions. "
                    + "Save k-space as complex .npy (coils, rows, columns), or as BART's .cfl.");
        }
    }

    internal static RawMri Read(
        FormatReader reader, byte[] file, string? layout, RawTrajectoryUnit? unit = null, VendorConvention convention = VendorConvention.Auto)
    {
        RefuseMatlab(file);
        ReaderAnswer answer = reader.Call("raw-hdf5", [file]);
        string found = answer.Head.GetProperty("layout").GetString()!;
        if (layout is not null && layout != found) throw new InvalidMeasurementException($"The HDF5 file has the layout of {found}, not of {layout}.");
        return found == "fastmri" ? FastMriFile.From(answer) with { Layout = found } : IsmrmrdFile.From(answer, unit, convention, reader.Limits.Elements);
    }
}
