namespace InverseSolver.Imaging;

/// <summary>Raw data in ISMRMRD's HDF5 layout: a group with an XML header and acquisitions.</summary>
public static class IsmrmrdFile
{
    /// <summary>Reads and sorts a file.</summary>
    /// <param name="reader">The process that parses it.</param>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidMeasurementException">The file is damaged, too large, or holds a scan that is not supported; the text says what.</exception>
    public static RawMri Read(FormatReader reader, byte[] file) => RawMriFile.Read(reader, file, "ismrmrd");

    internal static RawMri From(ReaderAnswer answer, long maxElements)
    {
        IsmrmrdHeader header = IsmrmrdHeader.Parse(answer.Head.GetProperty("xml").GetString()!);
        float[] samples = answer.Arrays["samples"].ToFloats();
        foreach (float value in samples)
            if (!float.IsFinite(value)) throw new InvalidMeasurementException("The ISMRMRD file holds samples that are not finite numbers.");
        float[] trajectories = answer.Arrays["trajectories"].ToFloats();
        List<Acquisition> acquisitions = Acquisition.ReadAll(answer.Arrays["headers"].Bytes);
        if (acquisitions.Sum(a => 2L * a.Samples * a.Channels) != samples.Length || acquisitions.Sum(a => (long)a.Samples * a.TrajectoryDimensions) != trajectories.Length)
            throw new InvalidMeasurementException("The ISMRMRD file's acquisitions and samples do not go together.");
        var scan = new IsmrmrdScan(header, acquisitions, samples);
        return scan.IsCartesian ? CartesianSorter.Sort(scan, maxElements) : TrajectorySorter.Sort(scan, trajectories, maxElements);
    }
}
