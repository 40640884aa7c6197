using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>The files of a request as arrays (<see cref="FileImport"/>).</summary>
/// <param name="Problem">The problem, completed by what the measurement's file says.</param>
/// <param name="Files">By name, those that the measurement's file held included.</param>
/// <param name="Origin">What is known of the measurement besides. It may name a patient.</param>
public sealed record JobInputs(Problem Problem, IReadOnlyDictionary<string, ImportedFile> Files, MeasurementOrigin Origin)
{
    private const string Measurement = "measurement", Truth = "truth", Trajectory = "trajectory";

    // Not arrays: they say how the measurement is read, and whom the result belongs to.
    private const string Header = "header", Reference = "reference";

    /// <summary>One of the files.</summary>
    /// <param name="name">Its name.</param>
    public ImportedFile this[string name] => Files[name];

    /// <summary>The problem's files, without those of another use.</summary>
    public IReadOnlyDictionary<string, ArrayData> OfProblem =>
        Files.Where(file => file.Key is not (Measurement or Truth or "image")).ToDictionary(file => file.Key, file => file.Value.Array);

    /// <summary>Reads all files of a request.</summary>
    /// <param name="reader">Parses HDF5 and DICOM.</param>
    /// <param name="maxPixels">Pixels of an image, or elements of an array's last two dimensions, at most.</param>
    /// <param name="problem">The problem to be solved.</param>
    /// <param name="files">The files by name.</param>
    /// <param name="main">The one that the others belong to: the measurement, or the image to be measured.</param>
    /// <param name="convention">The rule for the directions of an ISMRMRD file.</param>
    /// <param name="forceReference">Whether a reference of another patient, study or place is taken nevertheless.</param>
    /// <exception cref="InvalidInputException">A file cannot be read, or does not belong to the problem; names it, for example <c>files.mask</c>.</exception>
    public static JobInputs Read(
        FormatReader reader, long maxPixels, Problem problem, IReadOnlyDictionary<string, byte[]> files,
        string main = Measurement, VendorConvention convention = VendorConvention.Auto, bool forceReference = false)
    {
        var import = new FileImport(reader, maxPixels);
        MeasurementKind kind = main == Measurement ? problem.FileKind : MeasurementKind.Image;
        bool withMask = Reconstructor.NeededFiles(problem).Contains("mask") && !files.ContainsKey("mask");
        ImportedMeasurement measurement = Named(main, () => import.ReadMeasurement(
            kind, files[main], files.GetValueOrDefault(Header), withMask, files.GetValueOrDefault(Trajectory), problem.RawTrajectoryUnit, convention));
        MeasurementOrigin origin = measurement.Origin;
        if (files.TryGetValue(Reference, out byte[]? reference))
        {
            origin = Named(Reference, () => ReferenceCheck.Check(reader, reference, measurement.Origin, forceReference));
        }

        Dictionary<string, ImportedFile> read = measurement.Files.ToDictionary(file => file.Key == Measurement ? main : file.Key, file => file.Value);
        foreach ((string name, byte[] bytes) in files)
        {
            if (name == main || name is Header or Reference || measurement.Includes(name)) continue;
            read[name] = Named(name, () => import.Read(name, bytes, origin));
        }

        if (read.ContainsKey(Trajectory) && main == Measurement && measurement.KnowsImageSize)
        {
            problem = problem.OfScan(origin.Rows, origin.Columns, ownTrajectory: measurement.Includes(Trajectory) || !files.ContainsKey(Trajectory));
        }

        return new JobInputs(problem, read, origin);
    }

    /// <summary>The noise level that the measurement has, its own quantisation included.</summary>
    /// <param name="sigma">The noise that the caller knows of; what is none is passed on, to be refused.</param>
    /// <param name="name">The measurement's name.</param>
    public double EffectiveSigma(double sigma, string name = Measurement)
    {
        if (sigma < 0) return sigma;
        return Files[name].Quantisation is var rounding and not 0 ? double.Hypot(sigma / Origin.NoiseScale, rounding) : sigma / Origin.NoiseScale;
    }

    private static T Named<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidMeasurementException error)
        {
            throw new InvalidInputException($"files.{name}", error.Message) { Code = InvalidInputException.InvalidFile };
        }
    }
}
