using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Missing pixels: y = mask * x. The same pixels are missing in all channels.</summary>
/// <param name="Mask">Which pixels were measured.</param>
public sealed record Inpainting([property: Required] PixelMask Mask) : Problem;

/// <summary>Which pixels of an image were measured.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(UploadedMask), "file")]
[JsonDerivedType(typeof(BoxMask), "box")]
[JsonDerivedType(typeof(RandomMask), "random")]
public abstract record PixelMask;

/// <summary>The mask is the uploaded file <c>mask</c>: an image or .npy of the measurement's height and width, white (values above 0.5) was measured, black is missing.</summary>
public sealed record UploadedMask : PixelMask;

/// <summary>A rectangle is missing.</summary>
/// <param name="Height">Rows missing.</param>
/// <param name="Width">Columns missing.</param>
/// <param name="Top">First missing row; the box is centred when it is absent.</param>
/// <param name="Left">First missing column; the box is centred when it is absent.</param>
public sealed record BoxMask(
    [property: Range(1, 16384)] int Height,
    [property: Range(1, 16384)] int Width,
    [property: Range(0, 16384)] int? Top = null,
    [property: Range(0, 16384)] int? Left = null) : PixelMask;

/// <summary>Pixels are missing at random positions.</summary>
/// <param name="Fraction">Share of the pixels that is missing.</param>
/// <param name="Seed">Seed of the positions.</param>
public sealed record RandomMask(
    [property: Range(0.0, 0.999)] double Fraction = 0.7,
    [property: Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] long Seed = 0) : PixelMask;
