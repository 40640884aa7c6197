namespace InverseSolver.Imaging;

/// <summary>Raw data in ISMRMRD's HDF5 layout: a group with an XML header and acquisitions.</summary>
public static class IsmrmrdFile
{
    /// <summary>Reads and sorts a file.</summary>
    /// <param name="reader">The process that parses it.</param>
    /// <param name="file">The whole file.</param>
    /// <param name="convention">The convention for its directions.</param>
    /// <exception cref="InvalidMeasurementException">The file is damaged, too large, or holds a scan that is not supported; the text says what.</exception>
    public static RawMri Read(FormatReader reader, byte[] file, VendorConvention convention = VendorConvention.Auto) =>
        RawMriFile.Read(reader, file, "ismrmrd", null, convention);

    internal static RawMri From(ReaderAnswer answer, RawTrajectoryUnit? unit, VendorConvention convention, long maxElements)
    {
        IsmrmrdHeader header = IsmrmrdHeader.Parse(answer.Head.GetProperty("xml").GetString()!);
        float[] samples = answer.Arrays["samples"].ToFloats();
        foreach (float value in samples)
            if (!float.IsFinite(value)) throw new InvalidMeasurementException("The ISMRMRD file holds samples that are not finite numbers.");
        float[] trajectories = answer.Arrays["trajectories"].ToFloats();
        List<Acquisition> acquisitions = Acquisition.ReadAll(answer.Arrays["headers"].Bytes);
        if (acquisitions.Sum(a => 2L * a.Samples * a.Channels) != samples.Length
            || acquisitions.Sum(a => (long)a.Samples * a.TrajectoryDimensions) != trajectories.Length)
            throw new InvalidMeasurementException("The ISMRMRD file's acquisitions and samples are inconsistent.");
        bool isSiemens = header.Study.SystemVendor?.StartsWith("Siemens", StringComparison.OrdinalIgnoreCase) == true;
        var scan = new IsmrmrdScan(header, acquisitions, samples)
        {
            IsTurned = convention == VendorConvention.Siemens || (convention == VendorConvention.Auto && isSiemens),
        };
        RawMri sorted = scan.IsCartesian ? CartesianSorter.Sort(scan, maxElements) : TrajectorySorter.Sort(scan, trajectories, unit, maxElements);
        if (scan.Encoding.Encoded.IsTooSmall || scan.Encoding.Recon.IsTooSmall) return Unplaced(sorted, scan.Encoding.Recon);
        string? remark = scan.IsTurned
            ? "Siemens vendor convention applied, not verified on a scan of this site: read, phase and slice directions are turned by 180 degrees."
            : isSiemens
            ? "Siemens vendor convention not applied, because vendorConvention is none: left and right, front and back, head and feet may be exchanged."
            : null;
        return remark is null || sorted.FrameList.All(frame => frame.Geometry is null) ? sorted : sorted with { Remarks = [.. sorted.Remarks, remark] };
    }

    // The ratio of the fields of view holds in any unit, so the image is right; the position of its pixels is unknown.
    private static RawMri Unplaced(RawMri sorted, MriSpace recon) => sorted with
    {
        FrameList = [.. sorted.FrameList.Select(frame => frame with { Geometry = null })],
        Remarks = [.. sorted.Remarks, recon.TooSmall()],
    };
}
