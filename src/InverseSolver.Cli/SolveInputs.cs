using System.CommandLine;
using InverseSolver.Imaging;

namespace InverseSolver.Cli;

/// <summary>The files of <c>inverse solve</c>, by the names that requests have for them.</summary>
internal sealed class SolveInputs
{
    private readonly Option<string[]> _measurement = new("--measurement")
    {
        Description = "Image (PNG, JPEG, TIFF, WebP, DICOM), NIfTI volume, .npy, .npz, or raw MR data (ISMRMRD or fastMRI HDF5, BART .cfl); k-space in .npy "
            + "is complex. A DICOM series: its files, their folder or a .zip of it.",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> _header = new("--header") { Description = "The .hdr file of a .cfl, where it lies elsewhere." };

    private readonly Option<string?> _reference = new("--reference")
    {
        Description = "A DICOM image of the patient and study that the result belongs to, refused where it and the measurement name different ones; "
            + "or a NIfTI volume whose place the result has.",
    };

    private readonly Option<bool> _forceReference = new("--force-reference")
    {
        Description = "Take the reference nevertheless; the report and the DICOM files say so.",
    };

    private readonly Option<string> _convention = new("--vendor-convention")
    {
        Description = "Which way the directions of an ISMRMRD file go: auto (turned by 180 degrees where the vendor is Siemens), none or siemens.",
        DefaultValueFactory = _ => "auto",
    };

    private readonly Option<string?>[] _others =
    [
        new("--mask") { Description = "File with the mask: white (above 0.5) is measured, black is missing." },
        new("--psf") { Description = "File with the point-spread function." },
        new("--phase") { Description = "File with the phase map in radians." },
        new("--maps") { Description = "File with the coil sensitivities, complex (coils, rows, columns)." },
        new("--covariance") { Description = "File with the noise covariance, (coils, coils)." },
        new("--calibration") { Description = "File with k-space that the sensitivities are estimated from." },
        new("--trajectory")
        {
            Description = "File with the positions of the samples, (samples, 2), in cycles per field of view or in the problem's trajectoryUnit; "
                + "of a .cfl BART's .cfl.",
        },
        new("--truth") { Description = "The true image, to measure against." },
    ];

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
        _ => throw new CommandException("--vendor-convention is auto, none or siemens."),
    };

    /// <summary>True where a reference is taken that does not belong to the measurement.</summary>
    internal bool ForceReference(ParseResult arguments) => !arguments.GetValue(_forceReference) ? false
        : arguments.GetValue(_reference) is not null ? true
        : throw new CommandException("--force-reference is about a --reference, and there is none.");

    /// <summary>Reads the files that were named.</summary>
    internal SolveFiles Read(ParseResult arguments, FormatReader reader)
    {
        string[] paths = arguments.GetRequiredValue(_measurement);
        var read = new SolveFiles();
        if (paths is not [var path] || Directory.Exists(path))
        {
            read.Add("measurement", paths[0], ArrayFiles.ReadSeries(reader, paths));
        }
        else
        {
            string beside = Path.ChangeExtension(path, ".hdr");
            if (path.EndsWith(".img", StringComparison.OrdinalIgnoreCase) && File.Exists(beside))
            {
                throw new CommandException(
                    $"{Path.GetFileName(path)}: It is half of a NIfTI or Analyze pair (.hdr and .img), which is not read: convert it to one .nii file.");
            }

            read.Add("measurement", path, File.ReadAllBytes(path));
            string? named = arguments.GetValue(_header) ?? (path.EndsWith(".cfl", StringComparison.OrdinalIgnoreCase) && File.Exists(beside) ? beside : null);
            if (named is not null) read.Add("header", named, File.ReadAllBytes(named));
        }

        if (arguments.GetValue(_reference) is { } place && Directory.Exists(place))
        {
            throw new CommandException(
                $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(place))}: It is a folder: name one DICOM file of the series, or a NIfTI volume.");
        }

        foreach (Option<string?> option in _others.Append(_reference))
        {
            if (arguments.GetValue(option) is { } file) read.Add(option.Name[2..], file, File.ReadAllBytes(file));
        }

        return read;
    }
}

/// <summary>Files as <see cref="SolveInputs"/> read them, and the paths that they came from.</summary>
internal sealed class SolveFiles
{
    private readonly Dictionary<string, byte[]> _bytes = [];
    private readonly Dictionary<string, string> _paths = [];

    /// <summary>The files by the names that requests have for them.</summary>
    internal IReadOnlyDictionary<string, byte[]> Bytes => _bytes;

    internal void Add(string name, string path, byte[] file) => (_bytes[name], _paths[name]) = (file, path);

    /// <summary>The name of the file that a field such as <c>files.mask</c> is about, as the caller knows it.</summary>
    internal string NameOf(string field) =>
        field.Split('.', 2) is ["files", var name] && _paths.TryGetValue(name, out string? path) ? Path.GetFileName(path) : field;
}
