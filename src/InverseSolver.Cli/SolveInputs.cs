using System.CommandLine;
using InverseSolver.Imaging;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Cli;

/// <summary>The files of <c>inverse solve</c>.</summary>
internal sealed class SolveInputs
{
    private readonly Option<string> measurement = new("--measurement")
    {
        Description = "Image (PNG, JPEG, TIFF, WebP, DICOM), .npy, .npz, or raw MR data (ISMRMRD or fastMRI HDF5, BART .cfl); k-space in .npy is complex.",
        Required = true,
    };

    private readonly Option<string?> header = new("--header") { Description = "The .hdr file of a .cfl, where it lies elsewhere." };
    private readonly Option<string?> reference = new("--reference") { Description = "A DICOM image of the patient and study that the result belongs to." };

    private readonly Option<string?>[] others =
    [
        new("--mask") { Description = "File with the mask." },
        new("--psf") { Description = "File with the point-spread function." },
        new("--phase") { Description = "File with the phase map in radians." },
        new("--maps") { Description = "File with the coil sensitivities, complex (coils, rows, columns)." },
        new("--covariance") { Description = "File with the noise covariance, (coils, coils)." },
        new("--calibration") { Description = "File with k-space that the sensitivities are estimated from." },
        new("--trajectory") { Description = "File with the positions of the samples, (samples, 2), in cycles per field of view." },
        new("--truth") { Description = "The true image, to measure against." },
    ];

    /// <summary>For the command.</summary>
    internal IEnumerable<Option> Options => [measurement, header, reference, .. others];

    /// <summary>Reads what was named.</summary>
    internal LoadedInputs Read(ParseResult arguments, FormatReader reader, Problem problem)
    {
        ImportedMeasurement found = ArrayFiles.ReadMeasurement(
            reader, problem, arguments.GetRequiredValue(measurement), arguments.GetValue(header), withMask: arguments.GetValue(others[0]) is null);
        Dictionary<string, ArrayData> arrays = found.Files.ToDictionary(file => file.Key, file => ArrayFiles.ToArrayData(file.Value.Array));
        foreach (Option<string?> file in others)
        {
            if (arguments.GetValue(file) is { } path) arrays[file.Name[2..]] = ArrayFiles.Read(reader, file.Name[2..], path, found.Origin);
        }

        if (problem is ParallelMri parallel && found.Origin.IsScan && arrays.ContainsKey("trajectory"))
        {
            problem = parallel with { Rows = parallel.Rows ?? found.Origin.Rows, Columns = parallel.Columns ?? found.Origin.Columns };
        }

        return new LoadedInputs(problem, arrays, found.Files["measurement"].Quantisation, found.Origin, arguments.GetValue(reference) is { } dicom ? ArrayFiles.ReadReference(reader, dicom) : null);
    }
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
