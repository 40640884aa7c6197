using InverseSolver.Diffusion;
using InverseSolver.Solvers.Operators;
using InverseSolver.Solvers.Solvers;
using InverseSolver.Torch;
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
        ["fast"] = DcdpPresets.Fast,
        ["balanced"] = DcdpPresets.Balanced,
        ["consistency"] = DcdpPresets.Balanced with { Purifier = Purifier.Consistency },
        ["pixel"] = DcdpPresets.Paper with { DiscrepancyFactor = 1 },
        ["latent"] = DcdpPresets.Paper with { Data = DcdpData.Latent, StepSize = 0.163, DiscrepancyFactor = 1 },
    };

    /// <remarks>The cases hold the root mean square distance to the posterior mean, of 64 samples' mean, as it was measured.</remarks>
    [Theory]
    [InlineData("fast", "denoising", 0)]
    [InlineData("fast", "inpainting", 0)]
    [InlineData("fast", "blur", 0)]
    [InlineData("fast", "downsampling", 0)]
    [InlineData("fast", "mri", 0)]
    [InlineData("balanced", "denoising", 0)]
    [InlineData("balanced", "inpainting", 0)]
    [InlineData("balanced", "blur", 0)]
    [InlineData("balanced", "downsampling", 0)]
    [InlineData("balanced", "mri", 0)]
    [InlineData("consistency", "denoising", 0)]
    [InlineData("consistency", "inpainting", 0)]
    [InlineData("consistency", "blur", 0)]
    [InlineData("consistency", "downsampling", 0)]
    [InlineData("consistency", "mri", 0)]
    [InlineData("pixel", "denoising", 0)]
    [InlineData("pixel", "inpainting", 0)]
    [InlineData("pixel", "blur", 0)]
    [InlineData("pixel", "downsampling", 0)]
    [InlineData("pixel", "mri", 0)]
    [InlineData("latent", "inpainting", 0)]
    [InlineData("latent", "downsampling", 0)]
    public void The_mean_of_many_samples_is_near_the_posterior_s(string preset, string name, double measured)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 21);
        Tensor ys = torch.cat([.. Enumerable.Repeat(y, Samples)]);
        DcdpParameters parameters = Cases[preset] with { PriorStandardDeviation = 0.05 };
        float[] drawn = Toy.Run(model, op, ys, Sigma, parameters, [.. Enumerable.Range(0, Samples).Select(i => (long)i)]);
        Tensor x = torch.tensor(drawn, Samples, 1, Side, Side);
        (Tensor posterior, Tensor covariance) = model.Posterior(Toy.Dense(op), Toy.Flat(op, y), Sigma, Side, Side);

        double error = Rmse(x.mean([0], keepdim: true)), prior = Rmse(torch.full([1], 0.5)), zeroFilled = Rmse(op.Adjoint(y));
        double deviation = Math.Sqrt((covariance * torch.eye(Side * Side, ScalarType.Float64)).sum().ToDouble() / (Side * Side));
        double ratio = op.Residual2(x, ys).mean().ToDouble() / (op.MeasuredComponents * Sigma * Sigma);
        string report = $"{preset} {name}: error {error:f4}, prior {prior:f4}, zero-filled {zeroFilled:f4}, deviation {deviation:f4}, residual {ratio:f2}";
        Assert.True(error < 1.5 * measured + 0.005, report);
        Assert.True(error < 0.5 * prior && error < 0.6 * deviation, report);
        Assert.True(ratio is > 0.01 and < 1.5, report);

        double Rmse(Tensor t) => Math.Sqrt((t.to(ScalarType.Float64) - posterior).square().mean().ToDouble());
    }
}
