using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>Whole runs of the solvers that were published for images, where the posterior is known.</summary>
[LeavesNoTensors]
public sealed class PixelSolverPosteriorTests
{
    private const int Side = 12, Samples = 64;
    private const double Sigma = 0.05;

    /// <summary>Solver, preset, problem, and the root mean square distance of 64 samples' mean to the posterior's mean, as it was measured.</summary>
    public static TheoryData<string, string, string, double> Cases => new()
    {
        { "diffPir", "balanced", "inpainting", 0.0347 },
        { "diffPir", "balanced", "blur", 0.0235 },
        { "diffPir", "balanced", "downsampling", 0.0165 },
        { "diffPir", "balanced", "mri", 0.0308 },
        { "diffPir", "paper", "inpainting", 0.0430 },
        { "diffPir", "paper", "blur", 0.0620 },
        { "diffPir", "paper", "downsampling", 0.0180 },
        { "ddnm", "balanced", "inpainting", 0.0377 },
        { "ddnm", "balanced", "blur", 0.0250 },
        { "ddnm", "balanced", "downsampling", 0.0153 },
        { "ddnm", "balanced", "mri", 0.0295 },
        { "ddnm", "paper", "inpainting", 0.0177 },
        { "ddnm", "paper", "blur", 0.1070 },
        { "ddnm", "paper", "downsampling", 0.0182 },
        { "redDiff", "fast", "inpainting", 0.0215 },
        { "redDiff", "fast", "blur", 0.0912 },
        { "redDiff", "fast", "downsampling", 0.0194 },
        { "redDiff", "fast", "mri", 0.0591 },
        { "redDiff", "balanced", "inpainting", 0.0139 },
        { "redDiff", "balanced", "blur", 0.1276 },
        { "redDiff", "balanced", "downsampling", 0.0189 },
        { "redDiff", "balanced", "mri", 0.0699 },
        { "redDiff", "paper", "inpainting", 0.0150 },
        { "redDiff", "paper", "blur", 0.0357 },
        { "redDiff", "paper", "downsampling", 0.0206 },
        { "redDiff", "paper", "mri", 0.0405 },
        { "ddpmConsistency", "balanced", "mri", 0.0406 },
        { "mriPurify", "balanced", "mri", 0.0352 },
    };

    /// <remarks>
    /// Least squares: of the images that explain the measurement best the nearest to grey. RED-diff's short presets and DDNM's <c>paper</c> are far from
    /// the posterior in deblurring at this noise, five times the evaluations': they fit it.
    /// </remarks>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_mean_of_many_samples_is_near_the_posterior_s_and_nearer_than_least_squares(string type, string preset, string name, double measured)
    {
        (double error, double least, double prior) = Toy.DistancesToPosterior(type, preset, name, Side, Samples, Sigma);
        string report = $"{type} {preset} {name}: {error:f4}, least squares {least:f4}, prior {prior:f4}";
        Assert.True(error < 1.25 * measured + 0.002 && error > 0.6 * measured, report);
        Assert.True(error < 0.87 * least && error < prior, report);
    }
}
