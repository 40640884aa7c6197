using InverseSolver.Diffusion;
using InverseSolver.Solvers.Operators;
using InverseSolver.Solvers.Solvers;
using InverseSolver.Torch;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The whole solver where the posterior is known.</summary>
[LeavesNoTensors]
public sealed class PosteriorTests
{
    private const int Side = 12, Samples = 64;
    private const double Sigma = 0.05;

    /// <remarks>
    /// Root mean square distances to the posterior mean, of 64 samples' mean, as measured: between 0.006 (denoising) and 0.038 (MRI), which
    /// is 0.1 to 0.3 posterior standard deviations; the prior's mean is 0.12 to 0.21 away. Samples spread 0.3 to 0.9 times as much as the
    /// posterior, and their residuals lie below the noise, at 0.04 to 0.8 times m σ²: every event uses the same measurement once more.
    /// </remarks>
    [Theory]
    [InlineData("fast", "denoising", 0.0058)]
    [InlineData("fast", "inpainting", 0.0344)]
    [InlineData("fast", "blur", 0.0240)]
    [InlineData("fast", "downsampling", 0.0167)]
    [InlineData("fast", "mri", 0.0300)]
    [InlineData("balanced", "denoising", 0.0100)]
    [InlineData("balanced", "inpainting", 0.0213)]
    [InlineData("balanced", "blur", 0.0293)]
    [InlineData("balanced", "downsampling", 0.0192)]
    [InlineData("balanced", "mri", 0.0380)]
    public void The_mean_of_many_samples_is_near_the_posterior_s(string preset, string name, double measured)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 21);
        Tensor ys = torch.cat([.. Enumerable.Repeat(y, Samples)]);
        var parameters = (ReSampleParameters)SolverCatalog.Resolve("reSample", preset, null) with { PriorStandardDeviation = 0.05 };
        float[] drawn = Toy.Run(model, op, ys, Sigma, parameters, [.. Enumerable.Range(0, Samples).Select(i => (long)i)]);
        Assert.All(drawn, v => Assert.True(float.IsFinite(v)));
        Tensor x = torch.tensor(drawn, Samples, 1, Side, Side);
        (Tensor posterior, Tensor covariance) = model.Posterior(Toy.Dense(op), Toy.Flat(op, y), Sigma, Side, Side);

        double error = Rmse(x.mean([0], keepdim: true)), prior = Rmse(torch.full([1], 0.5)), zeroFilled = Rmse(op.Adjoint(y));
        double spread = Math.Sqrt(x.var([0]).mean().ToDouble());
        double deviation = Math.Sqrt((covariance * torch.eye(Side * Side, ScalarType.Float64)).sum().ToDouble() / (Side * Side));
        double ratio = op.Residual2(x, ys).mean().ToDouble() / (op.MeasuredComponents * Sigma * Sigma);
        string report = $"{preset} {name}: error {error:f4}, prior {prior:f4}, zero-filled {zeroFilled:f4}, spread {spread:f4} of {deviation:f4}, residual {ratio:f2}";
        Assert.True(error < 1.5 * measured + 0.005, report);
        Assert.True(error < 0.4 * prior && error < (name == "denoising" ? 1.2 : 0.4) * zeroFilled, report);
        Assert.True(error < 0.45 * deviation, report);
        Assert.True(spread > 0.2 * deviation && spread < 1.2 * deviation, report);
        Assert.True(ratio is > 0.01 and < 1.2, report);

        double Rmse(Tensor t) => Math.Sqrt((t.to(ScalarType.Float64) - posterior).square().mean().ToDouble());
    }
}
