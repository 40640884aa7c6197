namespace InverseSolver.Solvers.Solvers;

/// <summary>Presets of <see cref="ReSample"/>.</summary>
public static class ReSamplePresets
{
    /// <summary>The authors' settings, quirks of their code included.</summary>
    public static ReSampleParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 500,
        ConsistencyEvery = 10,
        Pixel = PixelStep.AdamW,
        PixelIterations = 2000,
        LatentIterations = 500,
        FinalLatentIterations = 500,
        WeightDecay = 0.01,
        DiscrepancyFactor = null,
        FinalProximalStep = false,
        Tweedie = Tweedie.Reference,
        TravelOffByOne = true,
    };

    /// <summary>Close to the quality of <see cref="Paper"/> or above it, at a fraction of its time.</summary>
    public static ReSampleParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: proximal steps only.</summary>
    public static ReSampleParameters Fast { get; } = new()
    {
        Samples = 1,
        Steps = 30,
        ConsistencyEvery = 1,
        ConsistencyStart = 1,
        TravelSteps = 0,
        LdpsScale = 0,
        LatentFraction = 0,
        LatentIterations = 0,
        FinalLatentIterations = 0,
    };
}
