using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Service.Requests;

namespace InverseSolver.Service.Problems;

/// <summary>A request for a measurement of a clean image.</summary>
internal sealed record SimulationRequest : IRequestWithFiles
{
    /// <summary>The files that a simulation may have.</summary>
    public static IReadOnlyList<string> FileNames { get; } = ["image", "mask", "psf", "phase", "maps", "trajectory"];

    /// <summary>The forward model.</summary>
    public required Problem Problem { get; init; }

    /// <summary>Standard deviation of the noise to add, per real component; the image is on [0,1].</summary>
    [Range(0.0, 1e6)] public required double Sigma { get; init; }

    /// <summary>
    /// Photons per unit of the measurement, where photons are counted: then y = Poisson(photons * max(A x, 0)) / photons + noise of `sigma`, for `ct` minus the
    /// logarithm of the photons that arrive. Not for `mri`, `phaseRetrieval`, `compressedSensing`, `jpeg` and `quantisation`.
    /// </summary>
    [Range(1e-3, 1e9)] public double? Photons { get; init; }

    /// <summary>The number of simulated coils of <c>parallelMri</c>: 1 to 64, 8 where it is absent and no file <c>maps</c> was sent.</summary>
    [Range(1, 64)] public int? Coils { get; init; }

    /// <summary>Seed of the noise, and of coils and object phase where they are drawn.</summary>
    [Range(0, long.MaxValue, ErrorMessage = "The seed must be a whole number from 0 to 9223372036854775807.")] public long Seed { get; init; }

    /// <summary>The files as data URIs, where they are not sent as parts.</summary>
    public SimulationFiles? Files { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public IReadOnlyDictionary<string, string?> DataUris => new Dictionary<string, string?>
    {
        ["image"] = Files?.Image,
        ["mask"] = Files?.Mask,
        ["psf"] = Files?.Psf,
        ["phase"] = Files?.Phase,
        ["maps"] = Files?.Maps,
        ["trajectory"] = Files?.Trajectory,
    };
}

/// <summary>A simulation's files as data URIs: PNG, JPEG, TIFF, WebP or .npy.</summary>
internal sealed record SimulationFiles
{
    /// <summary>The clean image, or a stack of frames as .npy (frames, channels, height, width). Required here or as a part.</summary>
    public string? Image { get; init; }

    /// <summary>The mask, where the problem's mask is <c>file</c>: white, values above 0.5, is measured, black is missing.</summary>
    public string? Mask { get; init; }

    /// <summary>The blur kernel of <c>pointSpread</c>.</summary>
    public string? Psf { get; init; }

    /// <summary>The phase map of <c>mri</c> and <c>parallelMri</c> in radians, as .npy.</summary>
    public string? Phase { get; init; }

    /// <summary>Coil sensitivities of <c>parallelMri</c> instead of simulated ones, complex .npy (coils, rows, columns).</summary>
    public string? Maps { get; init; }

    /// <summary>Positions of the samples of <c>parallelMri</c>, .npy (samples, 2), in cycles per field of view.</summary>
    public string? Trajectory { get; init; }
}
