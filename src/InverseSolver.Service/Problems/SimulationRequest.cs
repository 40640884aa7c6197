using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Service.Requests;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Service.Problems;

/// <summary>A measurement to make from a clean image.</summary>
internal sealed record SimulationRequest : IRequestWithFiles
{
    /// <summary>The forward model.</summary>
    public required Problem Problem { get; init; }

    /// <summary>Standard deviation of the noise to add, per real component; the image is on [0,1].</summary>
    [Range(0.0, 1e6)] public required double Sigma { get; init; }

    /// <summary>
    /// Photons per unit of the measurement, where it is counted: then y = Poisson(photons * max(A x, 0)) / photons + noise of `sigma`, for `ct` minus the logarithm of the photons
    /// that arrive. Not for `mri`, `phaseRetrieval`, `compressedSensing`, `jpeg` and `quantisation`.
    /// </summary>
    [Range(1e-3, 1e9)] public double? Photons { get; init; }

    /// <summary>Seed of the noise.</summary>
    [Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] public long Seed { get; init; }

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
    };
}

/// <summary>A simulation's files as data URIs: PNG, JPEG, TIFF, WebP or .npy.</summary>
internal sealed record SimulationFiles
{
    /// <summary>The clean image, or a stack of frames as .npy (frames, channels, height, width). Required here or as a part.</summary>
    public string? Image { get; init; }

    /// <summary>The mask, where the problem's mask is <c>file</c>.</summary>
    public string? Mask { get; init; }

    /// <summary>The blur kernel of <c>pointSpread</c>.</summary>
    public string? Psf { get; init; }

    /// <summary>The phase map of <c>mri</c> in radians, as .npy.</summary>
    public string? Phase { get; init; }
}
