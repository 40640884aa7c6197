using System.ComponentModel.DataAnnotations;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Magnitudes of the centred orthonormal Fourier transform of the image padded with zeros on all sides: y = |F P x| + n, (channels, oversampling height, oversampling
/// width). The image turned by 180 degrees has the same magnitudes, as has a shifted one that stays inside. Samples are not averaged; the one with the smallest residual
/// is the result, turned the way that the model finds likelier, with its bright part about the middle. Data steps start from a classical phase retrieval
/// (docs/decisions/0013).
/// </summary>
/// <param name="Oversampling">Sides of the padded image over the image's: 1.5 (as in the papers), 2, 3 or 4.</param>
public sealed record PhaseRetrieval([property: AllowedValues(1.5, 2.0, 3.0, 4.0)] double Oversampling = 2) : Problem
{
    internal override bool IsLinear => false;

    internal override bool HasTwin => true;

    internal override string? PhotonRefusal =>
        "A detector counts |F x|², and the root of a count has the standard deviation 1/2 whatever it is: with N photons per unit of |F x|² give sigma = 0.5 / √N.";
}
