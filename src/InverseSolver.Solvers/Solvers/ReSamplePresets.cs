namespace InverseSolver.Solvers.Solvers;

/// <summary>Presets of <see cref="ReSample"/>; docs/results.md has what they were measured to give.</summary>
public static class ReSamplePresets
{
    /// <summary>The authors' settings, quirks of their code included.</summary>
    public static ReSampleParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 500,
        ReferenceTimesteps = true,
        ConsistencyEvery = 10,
        ConsistencyStart = 2.0 / 3,
        LatentFraction = 1.0 / 3,
        TravelSteps = 5,
        TravelOffByOne = true,
        LdpsScale = 0.5,
        Pixel = PixelStep.AdamW,
        PixelIterations = 2000,
        LatentIterations = 500,
        FinalLatentIterations = 500,
        WeightDecay = 0.01,
        DiscrepancyFactor = null,
        FinalProximalStep = false,
        Tweedie = Tweedie.Reference,
    };

    /// <summary>Eight samples of a short run that is consistent at every step by proximal steps.</summary>
    public static ReSampleParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: as <see cref="Balanced"/>, with two samples and fewer steps.</summary>
    public static ReSampleParameters Fast { get; } = new() { Samples = 2, Steps = 20 };
}
