using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Convolution with a Gaussian.</summary>
/// <param name="Sigma">Standard deviation in pixels; the kernel is cut at 4 sigma.</param>
/// <param name="Boundary">What lies beyond the image's border.</param>
public sealed record GaussianBlur(
    [property: Range(0.1, 32.0)] double Sigma = 3.0,
    Boundary Boundary = Boundary.Reflect) : Problem;

/// <summary>Convolution with a random motion kernel.</summary>
/// <param name="Size">Height and width of the kernel in pixels, odd.</param>
/// <param name="Intensity">0 = nearly straight motion, 1 = very shaky.</param>
/// <param name="Seed">Seed of the kernel.</param>
/// <param name="Boundary">What lies beyond the image's border.</param>
public sealed record MotionBlur(
    [property: Range(3, 255)] int Size = 61,
    [property: Range(0.0, 1.0)] double Intensity = 0.5,
    [property: Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] long Seed = 0,
    Boundary Boundary = Boundary.Reflect) : Problem;

/// <summary>Convolution with the uploaded file <c>psf</c> (image or .npy), scaled to sum 1.</summary>
/// <param name="Boundary">What lies beyond the image's border.</param>
public sealed record PointSpread(Boundary Boundary = Boundary.Reflect) : Problem;

/// <summary>What lies beyond an image's border.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Boundary>))]
public enum Boundary
{
    /// <summary>The image mirrored without repeating its edge pixel (PyTorch's "reflect").</summary>
    [JsonStringEnumMemberName("reflect")] Reflect,

    /// <summary>The image repeated.</summary>
    [JsonStringEnumMemberName("circular")] Circular,
}
