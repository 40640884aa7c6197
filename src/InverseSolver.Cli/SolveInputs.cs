using System.CommandLine;
using InverseSolver.Imaging;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Cli;

/// <summary>The files of <c>inverse solve</c>.</summary>
internal sealed class SolveInputs
{
    private readonly Option<string[]> measurement = new("--measurement")
    {
        Description = "Image (PNG, JPEG, TIFF, WebP, DICOM), NIfTI volume, .npy, .npz, or raw MR data (ISMRMRD or fastMRI HDF5, BART .cfl); k-space in .npy is complex. A DICOM series: its files, their folder or a .zip of it.",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> header = new("--header") { Description = "The .hdr file of a .cfl, where it lies elsewhere." };
    private readonly Option<string?> reference = new("--reference") { Description = "A DICOM image of the patient and study that the result belongs to, refused where it and the measurement name different ones; or a NIfTI volume whose place the result has." };
    private readonly Option<bool> forceReference = new("--force-reference") { Description = "Take the reference nevertheless; the report and the DICOM files say so." };

    private readonly Option<string> convention = new("--vendor-convention")
    {
        Description = "Which way the directions of an ISMRMRD file go: auto (turned by 180 degrees where the vendor is Siemens), none or siemens.",
        DefaultValueFactory = _ => "auto",
    };

    private readonly Option<string?> trajectory = new("--trajectory") { Description = "File with the positions of the samples, (samples, 2), in cycles per field of view or in the problem's trajectoryUnit; of a .cfl BART's .cfl." };
    private readonly Option<string?>[] others;

    internal SolveInputs() => others =
    [
        new("--mask") { Description = "File with the mask: white (above 0.5) is measured, black is missing." },
        new("--psf") { Description = "File with the point-spread function." },
        new("--phase") { Description = "File with the phase map in radians." },
        new("--maps") { Description = "File with the coil sensitivities, complex (coils, rows, columns)." },
        new("--covariance") { Description = "File with the noise covariance, (coils, coils)." },
        new("--calibration") { Description = "File with k-space that the sensitivities are estimated from." },
        trajectory,
        new("--truth") { Description = "The true image, to measure against." },
    ];

    /// <summary>For the command.</summary>
    internal IEnumerable<Option> Options => [measurement, header, reference, forceReference, convention, .. others];

    /// <summary>Reads what was named.</summary>
    internal LoadedInputs Read(ParseResult arguments, FormatReader reader, Problem problem)
    {
        ImportedMeasurement found = ArrayFiles.ReadMeasurement(
            reader, problem, arguments.GetRequiredValue(measurement), arguments.GetValue(header), withMask: arguments.GetValue(others[0]) is null, ParseConvention(arguments.GetValue(convention)!), arguments.GetValue(trajectory));
        MeasurementOrigin origin = found.Origin;
        byte[]? dicom = null;
        bool force = arguments.GetValue(forceReference);
        if (arguments.GetValue(reference) is { } named) (dicom, origin) = ArrayFiles.ReadReference(reader, named, origin, force);
        else if (force) throw new CommandException("--force-reference is about a --reference, and there is none.");
        Dictionary<string, ArrayData> arrays = found.Files.ToDictionary(file => file.Key, file => file.Value.Array);
        foreach (Option<string?> file in others.Where(file => !found.Includes(file.Name[2..])))
        {
            if (arguments.GetValue(file) is { } path) arrays[file.Name[2..]] = ArrayFiles.Read(reader, file.Name[2..], path, origin);
        }

        if (problem is ParallelMri parallel && found.KnowsImageSize && arrays.ContainsKey("trajectory"))
        {
            problem = parallel.OfScan(origin.Rows, origin.Columns, ownTrajectory: found.Includes("trajectory") || arguments.GetValue(trajectory) is null);
        }

        return new LoadedInputs(problem, arrays, found.Files["measurement"].Quantisation, origin, dicom);
    }

    private static VendorConvention ParseConvention(string text) => text switch
    {
        "auto" => VendorConvention.Auto,
        "none" => VendorConvention.None,
        "siemens" => VendorConvention.Siemens,
        _ => throw new CommandException("--vendor-convention is auto, none or siemens."),
    };
}

/// <summary>What <see cref="SolveInputs"/> read.</summary>
/// <param name="Problem">The problem, completed by what the measurement's file says.</param>
/// <param name="Arrays">By name.</param>
/// <param name="Quantisation">Standard deviation of the measurement's rounding.</param>
/// <param name="Origin">What is known of the measurement besides.</param>
/// <param name="Reference">A DICOM file; null: none.</param>
internal sealed record LoadedInputs(Problem Problem, IReadOnlyDictionary<string, ArrayData> Arrays, double Quantisation, MeasurementOrigin Origin, byte[]? Reference)
{
    internal ArrayData Measurement => Arrays["measurement"];

    internal ArrayData? Truth => Arrays.GetValueOrDefault("truth");

    /// <summary>The problem's files.</summary>
    internal IReadOnlyDictionary<string, ArrayData> Files => Arrays.Where(file => file.Key is not ("measurement" or "truth")).ToDictionary();

    /// <summary>The noise level to solve for.</summary>
    internal double? Sigma(double? given)
    {
        if (given is not { } sigma || sigma < 0) return given;
        return Quantisation == 0 ? sigma / Origin.NoiseScale : double.Hypot(sigma / Origin.NoiseScale, Quantisation);
    }
}
