using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>Whole runs of the other latent solvers where the posterior is known.</summary>
[LeavesNoTensors]
public sealed class LatentSolverPosteriorTests
{
    private const int Side = 12, Samples = 32;
    private const double Sigma = 0.05;

    /// <summary>Solver, preset, problem, and the root mean square distance of 32 samples' mean to the posterior's mean, as it was measured.</summary>
    public static TheoryData<string, string, string, double> Cases => new()
    {
        { "latentDps", "balanced", "inpainting", 0.0282 },
        { "latentDps", "balanced", "blur", 0.0335 },
        { "latentDps", "balanced", "mri", 0.0466 },
        { "treg", "balanced", "inpainting", 0.0426 },
        { "treg", "balanced", "blur", 0.0247 },
        { "treg", "balanced", "mri", 0.0352 },
        { "treg", "paper", "inpainting", 0.0529 },
        { "daps", "balanced", "inpainting", 0.0331 },
        { "daps", "balanced", "blur", 0.0232 },
        { "daps", "balanced", "mri", 0.0294 },
        { "daps", "paper", "inpainting", 0.0311 },
        { "psld", "balanced", "inpainting", 0.0244 },
        { "psld", "balanced", "blur", 0.0460 },
        { "psld", "balanced", "mri", 0.0521 },
        { "constrainedAdmm", "balanced", "inpainting", 0.0351 },
        { "constrainedAdmm", "balanced", "blur", 0.0381 },
        { "constrainedAdmm", "balanced", "mri", 0.0379 },
        { "constrainedAdmm", "paper", "inpainting", 0.0350 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_mean_of_many_samples_is_near_the_posterior_s(string type, string preset, string name, double measured)
    {
        (double error, _, double prior) = Toy.DistancesToPosterior(type, preset, name, Side, Samples, Sigma);
        Assert.True(error < 1.3 * measured + 0.003 && error < 0.4 * prior, $"{type} {preset} {name}: {error:f4}, prior {prior:f4}");
    }
}
