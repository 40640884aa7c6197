using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The whole solver where the posterior is known.</summary>
[LeavesNoTensors]
public sealed class PosteriorTests
{
    private const int Side = 12, Samples = 64;
    private const double Sigma = 0.05;

    // All parts of the method: gradient steps, time travel, events on the image and on the latent, and what comes last.
    private static readonly ReSampleParameters AllStages = new()
    {
        Steps = 100,
        ConsistencyEvery = 5,
        ConsistencyStart = 2.0 / 3,
        LatentFraction = 1.0 / 3,
        TravelSteps = 5,
        LdpsScale = 0.5,
        DataStep = DataStep.Paper,
        LatentIterations = 60,
        FinalLatentIterations = 100,
        FinalCorrelation = 0.3,
    };

    /// <remarks>
    /// The cases hold the root mean square distance to the posterior mean, of 64 samples' mean, as it was measured: 0.13 to 0.33 posterior
    /// standard deviations, while the prior's mean is 0.12 to 0.21 away. Samples spread 0.29 to 0.88 times as much as the posterior, and
    /// their residuals lie below the noise, at 0.03 to 0.84 times m σ²: every event uses the same measurement once more.
    /// </remarks>
    [Theory]
    [InlineData("fast", "denoising", 0.0066)]
    [InlineData("fast", "inpainting", 0.0389)]
    [InlineData("fast", "blur", 0.0240)]
    [InlineData("fast", "downsampling", 0.0179)]
    [InlineData("fast", "mri", 0.0366)]
    [InlineData("balanced", "denoising", 0.0066)]
    [InlineData("balanced", "inpainting", 0.0349)]
    [InlineData("balanced", "blur", 0.0243)]
    [InlineData("balanced", "downsampling", 0.0168)]
    [InlineData("balanced", "mri", 0.0308)]
    [InlineData("all stages", "denoising", 0.0097)]
    [InlineData("all stages", "inpainting", 0.0242)]
    [InlineData("all stages", "blur", 0.0304)]
    [InlineData("all stages", "downsampling", 0.0190)]
    [InlineData("all stages", "mri", 0.0403)]
    public void The_mean_of_many_samples_is_near_the_posterior_s(string preset, string name, double measured)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 21);
        Tensor ys = torch.cat([.. Enumerable.Repeat(y, Samples)]);
        ReSampleParameters parameters = preset == "all stages" ? AllStages : (ReSampleParameters)SolverCatalog.Resolve("reSample", preset, null);
        parameters = parameters with { PriorStandardDeviation = 0.05 };
        float[] drawn = Toy.Run(model, op, ys, Sigma, parameters, [.. Enumerable.Range(0, Samples).Select(i => (long)i)]);
        Assert.All(drawn, v => Assert.True(float.IsFinite(v)));
        Tensor x = torch.copy_of(drawn, Samples, 1, Side, Side);
        (Tensor posterior, Tensor covariance) = model.Posterior(Toy.Dense(op), Toy.Flat(op, y), Sigma, Side, Side);

        double error = Rmse(x.mean([0], keepdim: true)), prior = Rmse(torch.full([1], 0.5)), zeroFilled = Rmse(op.Adjoint(y));
        double spread = Math.Sqrt(x.var([0]).mean().ToDouble());
        double deviation = Math.Sqrt((covariance * torch.eye(Side * Side, dtype: ScalarType.Float64)).sum().ToDouble() / (Side * Side));
        double ratio = op.Residual2(x, ys).mean().ToDouble() / (op.MeasuredComponents * Sigma * Sigma);
        string report =
            $"{preset} {name}: error {error:f4}, prior {prior:f4}, zero-filled {zeroFilled:f4}, "
            + $"spread {spread:f4} of {deviation:f4}, residual {ratio:f2}";
        Assert.True(error < 1.5 * measured + 0.005, report);
        Assert.True(error < 0.4 * prior && error < (name == "denoising" ? 1.2 : 0.4) * zeroFilled, report);
        Assert.True(error < 0.45 * deviation, report);
        Assert.True(spread > 0.2 * deviation && spread < 1.2 * deviation, report);
        Assert.True(ratio is > 0.01 and < 1.2, report);

        double Rmse(Tensor t) => Math.Sqrt((t.to(ScalarType.Float64) - posterior).square().mean().ToDouble());
    }
}
