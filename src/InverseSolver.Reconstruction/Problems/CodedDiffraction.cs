using System.ComponentModel.DataAnnotations;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Magnitudes of the centred orthonormal Fourier transforms of the image behind random phase masks: y_l = |F (m_l x)| + n, |m_l| = 1 in every pixel, as (masks times
/// channels, height, width), mask by mask (Candes, Li, Soltanolkotabi: Phase Retrieval from Coded Diffraction Patterns, 2015). Unlike phase retrieval it has no twin
/// and no shift.
/// </summary>
/// <param name="Masks">How many masks, each with a measurement of the image's size.</param>
/// <param name="Seed">What the masks' phases, uniform over the circle, are drawn from.</param>
public sealed record CodedDiffraction([property: Range(2, 16)] int Masks = 4, long Seed = 0) : Problem
{
    internal override bool IsLinear => false;

    internal override string? PhotonRefusal =>
        "A detector counts |F (m x)|², and the root of a count has the standard deviation 1/2 whatever it is: with N photons per unit of |F (m x)|² give sigma = 0.5 / √N.";
}
