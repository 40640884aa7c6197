using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Random coefficients of an orthonormal transform of the image, whose pixels were given random signs before. y holds the transform's coefficients,
/// (channels, rows, columns), zeros where nothing was measured; the same positions and signs in all channels.
/// </summary>
/// <param name="Fraction">Coefficients measured over pixels of the image.</param>
/// <param name="Transform">Which transform.</param>
/// <param name="Seed">Seed of positions and signs.</param>
/// <param name="Height">Rows of the image, where they are no power of two; with <c>hadamard</c> only.</param>
/// <param name="Width">Columns of the image, where they are no power of two; with <c>hadamard</c> only.</param>
public sealed record CompressedSensing(
    [property: Range(0.001, 1.0)] double Fraction = 0.25,
    SensingTransform Transform = SensingTransform.Hadamard,
    [property: Range(0, long.MaxValue)] long Seed = 0,
    [property: Range(1, 16384)] int? Height = null,
    [property: Range(1, 16384)] int? Width = null) : Problem
{
    internal override string? PhotonRefusal => "Coefficients of either sign are no counts of photons; give sigma alone.";
}

/// <summary>An orthonormal transform.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SensingTransform>))]
public enum SensingTransform
{
    /// <summary>Walsh and Hadamard's, of the image padded with zeros to powers of two.</summary>
    [JsonStringEnumMemberName("hadamard")] Hadamard,

    /// <summary>The discrete cosine transform (DCT-II), of the image's own size.</summary>
    [JsonStringEnumMemberName("dct")] Cosine,
}
