using System.ComponentModel.DataAnnotations;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>An image of few grey levels: y = round((x + n) (levels - 1)) / (levels - 1), clipped to [0,1]. An image agrees with y where it would be rounded to it.</summary>
/// <param name="Levels">Levels, 0 and 1 among them.</param>
public sealed record Quantisation([property: Range(2, 65536)] int Levels = 8) : Problem
{
    internal override bool IsLinear => false;

    internal override string? PhotonRefusal => "The residual of a rounded value is its distance to what it was rounded from, which no count's variance scales; give sigma alone.";
}

/// <summary>
/// A decoded JPEG file: blocks of 8 x 8 pixels, their cosine coefficients rounded to multiples of the standard tables (ITU-T T.81, annex K) at a quality; colours as
/// YCbCr without subsampling. An image agrees with y where its coefficients would be rounded to y's. Height and width are multiples of 8.
/// </summary>
/// <param name="Quality">The encoder's quality, as libjpeg counts it.</param>
public sealed record Jpeg([property: Range(1, 100)] int Quality = 10) : Problem
{
    internal override bool IsLinear => false;

    internal override string? PhotonRefusal => "The residual of a rounded value is its distance to what it was rounded from, which no count's variance scales; give sigma alone.";
}
