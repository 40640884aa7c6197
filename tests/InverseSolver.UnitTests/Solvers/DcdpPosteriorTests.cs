using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>DCDP where the posterior is known.</summary>
[LeavesNoTensors]
public sealed class DcdpPosteriorTests
{
    private const int Side = 12, Samples = 64;
    private const double Sigma = 0.05;

    private static readonly Dictionary<string, DcdpParameters> Cases = new()
    {
        ["fast"] = DcdpParameters.Fast,
        ["balanced"] = DcdpParameters.Balanced,
        ["ddim"] = new() { Rounds = 10, FirstTime = 400, Purifier = Purifier.Ddim },
        ["consistency"] = new() { Rounds = 10, FirstTime = 400, Purifier = Purifier.Consistency },
        ["pixel"] = DcdpParameters.Paper with { DiscrepancyFactor = 1 },
        ["latent"] = DcdpParameters.Paper with { Space = DcdpSpace.Latent, StepSize = 0.163, DiscrepancyFactor = 1 },
    };

    /// <remarks>
    /// The cases hold the root mean square distance to the posterior mean, of 64 samples' mean, as it was measured: 0.10 to 0.42 posterior standard
    /// deviations. Residuals lie below the noise, at 0.13 to 0.89 times m σ²: every round uses the same measurement once more.
    /// </remarks>
    [Theory]
    [InlineData("fast", "denoising", 0.0077)]
    [InlineData("fast", "inpainting", 0.0421)]
    [InlineData("fast", "blur", 0.0238)]
    [InlineData("fast", "downsampling", 0.0166)]
    [InlineData("fast", "mri", 0.0371)]
    [InlineData("balanced", "denoising", 0.0070)]
    [InlineData("balanced", "inpainting", 0.0386)]
    [InlineData("balanced", "blur", 0.0236)]
    [InlineData("balanced", "downsampling", 0.0175)]
    [InlineData("balanced", "mri", 0.0364)]
    [InlineData("ddim", "denoising", 0.0063)]
    [InlineData("ddim", "inpainting", 0.0471)]
    [InlineData("ddim", "blur", 0.0229)]
    [InlineData("ddim", "downsampling", 0.0198)]
    [InlineData("ddim", "mri", 0.0462)]
    [InlineData("consistency", "denoising", 0.0070)]
    [InlineData("consistency", "inpainting", 0.0504)]
    [InlineData("consistency", "blur", 0.0236)]
    [InlineData("consistency", "downsampling", 0.0211)]
    [InlineData("consistency", "mri", 0.0524)]
    [InlineData("pixel", "denoising", 0.0116)]
    [InlineData("pixel", "inpainting", 0.0296)]
    [InlineData("pixel", "blur", 0.0376)]
    [InlineData("pixel", "downsampling", 0.0203)]
    [InlineData("pixel", "mri", 0.0381)]
    [InlineData("latent", "inpainting", 0.0326)]
    [InlineData("latent", "downsampling", 0.0227)]
    public void The_mean_of_many_samples_is_near_the_posterior_s(string preset, string name, double measured)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 21);
        Tensor ys = torch.cat([.. Enumerable.Repeat(y, Samples)]);
        DcdpParameters parameters = Cases[preset] with { PriorStandardDeviation = 0.05 };
        float[] drawn = Toy.Run(model, op, ys, Sigma, parameters, [.. Enumerable.Range(0, Samples).Select(i => (long)i)]);
        Tensor x = torch.copy_of(drawn, Samples, 1, Side, Side);
        (Tensor posterior, Tensor covariance) = model.Posterior(Toy.Dense(op), Toy.Flat(op, y), Sigma, Side, Side);

        double error = Rmse(x.mean([0], keepdim: true)), prior = Rmse(torch.full([1], 0.5)), zeroFilled = Rmse(op.Adjoint(y));
        double deviation = Math.Sqrt((covariance * torch.eye(Side * Side, dtype: ScalarType.Float64)).sum().ToDouble() / (Side * Side));
        double ratio = op.Residual2(x, ys).mean().ToDouble() / (op.MeasuredComponents * Sigma * Sigma);
        string report = $"{preset} {name}: error {error:f4}, prior {prior:f4}, zero-filled {zeroFilled:f4}, deviation {deviation:f4}, residual {ratio:f2}";
        Assert.True(error < 1.5 * measured + 0.005, report);
        Assert.True(error < 0.5 * prior && error < 0.6 * deviation, report);
        Assert.True(ratio is > 0.01 and < 1.5, report);

        double Rmse(Tensor t) => Math.Sqrt((t.to(ScalarType.Float64) - posterior).square().mean().ToDouble());
    }
}
