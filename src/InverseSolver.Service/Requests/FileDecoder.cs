using InverseSolver.Imaging;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Problems;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Requests;

/// <summary>Turns files into arrays (<see cref="FileImport"/>), and names the one that is wrong.</summary>
internal sealed class FileDecoder(FormatReader reader, IOptions<LimitOptions> options)
{
    // Not arrays: they say how the measurement is read, and whom the result belongs to.
    private const string Header = "header", Reference = "reference";

    private readonly FileImport import = new(reader, options.Value.Pixels);

    /// <summary>Decodes all files of a request.</summary>
    /// <param name="problem">What it asks for.</param>
    /// <param name="files">The files by name.</param>
    /// <param name="main">The one that the others belong to: the measurement, or the image to be measured.</param>
    /// <param name="convention">How the directions of an ISMRMRD file are understood.</param>
    /// <param name="forceReference">Whether a reference of another patient, study or place is taken nevertheless.</param>
    public DecodedFiles DecodeAll(
        Problem problem, IReadOnlyDictionary<string, byte[]> files, string main = "measurement", VendorConvention convention = VendorConvention.Auto, bool forceReference = false)
    {
        MeasurementKind kind = main != "measurement" ? MeasurementKind.Image
            : problem is ParallelMri ? MeasurementKind.MultiCoil
            : Reconstruction.IsKSpace(problem) ? MeasurementKind.SingleCoil
            : MeasurementKind.Image;
        bool withMask = Reconstruction.NeededFiles(problem).Contains("mask") && !files.ContainsKey("mask");
        ImportedMeasurement measurement = Named(main, () => import.ReadMeasurement(
            kind, files[main], files.GetValueOrDefault(Header), withMask, files.GetValueOrDefault("trajectory"), (RawTrajectoryUnit?)(problem as ParallelMri)?.TrajectoryUnit, convention));
        MeasurementOrigin origin = measurement.Origin;
        if (files.TryGetValue(Reference, out byte[]? reference)) origin = Named(Reference, () => ReferenceCheck.Check(reader, reference, measurement.Origin, forceReference));
        var decoded = new Dictionary<string, ImportedFile>();
        foreach ((string name, ImportedFile file) in measurement.Files)
        {
            decoded[name == "measurement" ? main : name] = file;
        }

        foreach ((string name, byte[] bytes) in files.Where(file => file.Key != main && file.Key is not (Header or Reference) && !measurement.Includes(file.Key)))
        {
            decoded[name] = Named(name, () => import.Read(name, bytes, origin));
        }

        if (problem is ParallelMri parallel && decoded.ContainsKey("trajectory") && main == "measurement" && measurement.KnowsImageSize)
        {
            problem = parallel.OfScan(origin.Rows, origin.Columns, ownTrajectory: measurement.Includes("trajectory") || !files.ContainsKey("trajectory"));
        }

        return new DecodedFiles(decoded, origin, problem);
    }

    private static T Named<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidMeasurementException error)
        {
            throw new RequestException(StatusCodes.Status422UnprocessableEntity, "invalidFile", $"files.{name}", error.Message);
        }
    }
}
