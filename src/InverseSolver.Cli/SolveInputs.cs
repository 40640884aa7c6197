using System.CommandLine;
using InverseSolver.Imaging;

namespace InverseSolver.Cli;

/// <summary>The files of <c>inverse solve</c>, by the names that requests have for them.</summary>
internal sealed class SolveInputs
{
    private readonly Option<string[]> _measurement = new("--measurement")
    {
        HelpName = "FILE",
        Description = "Image (PNG, JPEG, TIFF, WebP, DICOM), NIfTI volume, .npy, .npz, or raw MR data (ISMRMRD or fastMRI HDF5, BART .cfl); k-space in .npy "
            + "is complex. A DICOM series: its files, their folder or a .zip of it.",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> _header = new("--header") { HelpName = "FILE", Description = "The .hdr file of a .cfl, where it lies elsewhere." };

    private readonly Option<string?> _reference = new("--reference")
    {
        HelpName = "FILE",
        Description = "A DICOM image of the patient and study that the result belongs to, refused where it and the measurement name different ones; "
            + "or a NIfTI volume whose place the result has.",
    };

    private readonly Option<bool> _forceReference = new("--force-reference")
    {
        Description = "Take the reference nevertheless; the report and the DICOM files say so.",
    };

    private readonly Option<string> _convention = new("--vendor-convention")
    {
        HelpName = "WORD",
        Description = "Which way the directions of an ISMRMRD file go: auto (turned by 180 degrees where the vendor is Siemens), none or siemens.",
        DefaultValueFactory = _ => "auto",
    };

    private readonly Option<string?>[] _others =
    [
        new("--mask") { HelpName = "FILE", Description = "File with the mask: white (above 0.5) is measured, black is missing." },
        new("--psf") { HelpName = "FILE", Description = "File with the point-spread function." },
        new("--phase") { HelpName = "FILE", Description = "File with the phase map in radians." },
        new("--maps") { HelpName = "FILE", Description = "File with the coil sensitivities, complex (coils, rows, columns)." },
        new("--covariance") { HelpName = "FILE", Description = "File with the noise covariance, (coils, coils)." },
        new("--calibration") { HelpName = "FILE", Description = "File with k-space that the sensitivities are estimated from." },
        new("--trajectory")
        {
            HelpName = "FILE",
            Description = "File with the positions of the samples, (samples, 2), in cycles per field of view or in the problem's trajectoryUnit; "
                + "of a .cfl BART's .cfl.",
        },
        new("--truth") { HelpName = "FILE", Description = "The true image, to measure against." },
    ];

    internal SolveInputs() => _convention.CompletionSources.Add("auto", "none", "siemens");

    /// <summary>For the command.</summary>
    internal IEnumerable<Option> Options => [_measurement, _header, _reference, _forceReference, _convention, .. _others];

    /// <summary>True where a mask's file is given.</summary>
    internal bool HasMask(ParseResult arguments) => arguments.GetValue(_others[0]) is not null;

    /// <summary>The convention for the directions of an ISMRMRD file.</summary>
    internal VendorConvention Convention(ParseResult arguments) => arguments.GetValue(_convention) switch
    {
        "auto" => VendorConvention.Auto,
        "none" => VendorConvention.None,
        "siemens" => VendorConvention.Siemens,
        var other => throw new CommandException($"--vendor-convention {other}: it is auto, none or siemens."),
    };

    /// <summary>True where a reference is taken that does not belong to the measurement.</summary>
    internal bool ForceReference(ParseResult arguments) => !arguments.GetValue(_forceReference) ? false
        : arguments.GetValue(_reference) is not null ? true
        : throw new CommandException("--force-reference: it is about a --reference, and there is none.");

    /// <summary>Reads the files that were named.</summary>
    internal Dictionary<string, byte[]> Read(ParseResult arguments, FormatReader reader)
    {
        string[] paths = arguments.GetRequiredValue(_measurement);
        var read = new Dictionary<string, byte[]>();
        if (paths is not [var path] || Directory.Exists(path))
        {
            foreach (string one in paths)
            {
                if (!File.Exists(one) && !Directory.Exists(one)) throw new CommandException($"{_measurement.Name} {one}: there is no such file.");
            }

            read["measurement"] = ArrayFiles.ReadSeries(reader, paths);
        }
        else
        {
            string beside = Path.ChangeExtension(path, ".hdr");
            if (path.EndsWith(".img", StringComparison.OrdinalIgnoreCase) && File.Exists(beside))
            {
                throw new CommandException(
                    $"--measurement {path}: It is half of a NIfTI or Analyze pair (.hdr and .img), which is not read: convert it to one .nii file.");
            }

            read["measurement"] = ArrayFiles.Read(_measurement.Name, path);
            string? named = arguments.GetValue(_header) ?? (path.EndsWith(".cfl", StringComparison.OrdinalIgnoreCase) && File.Exists(beside) ? beside : null);
            if (named is not null) read["header"] = ArrayFiles.Read(_header.Name, named);
        }

        if (arguments.GetValue(_reference) is { } place && Directory.Exists(place))
        {
            throw new CommandException(
                $"--reference {place}: It is a folder: name one DICOM file of the series, or a NIfTI volume.");
        }

        foreach (Option<string?> option in _others.Append(_reference))
        {
            if (arguments.GetValue(option) is { } file) read[option.Name[2..]] = ArrayFiles.Read(option.Name, file);
        }

        return read;
    }
}
