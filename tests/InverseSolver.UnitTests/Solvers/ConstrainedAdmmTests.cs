using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The constrained data step against the point that it seeks, which is known for linear operators.</summary>
[LeavesNoTensors]
public sealed class ConstrainedAdmmTests
{
    private const int Side = 8;
    private const double Sigma = 0.05;

    private static readonly ConstrainedAdmmParameters Long =
        ConstrainedAdmmParameters.Paper with { PixelIterations = 400, LatentIterations = 400, Penalty = 1 };

    [Theory]
    [InlineData("denoising"), InlineData("inpainting"), InlineData("mri")]
    public void The_projection_ends_at_the_noise_of_each_item(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 2, 1);
        var solver = new ConstrainedAdmm(new SolverInput(model, op, y, Sigma), Long);
        Tensor far = op.Measured(op.Apply(Toy.Normal([2, 1, Side, Side], 2))), near = y + (far - y) * 1e-3;
        double[] distances = LinearOperator.SquaresPerItem(solver.Project(far - y)).ToDoubles();
        Assert.All(distances, d => Assert.Equal(op.MeasuredComponents * Sigma * Sigma, d, 1e-4 * d));
        Assert.True(Toy.Error(solver.Project(near - y), near - y) < 1e-6);
    }

    [Fact]
    public void Image_and_latent_go_to_the_nearest_point_of_the_ball()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 2, 1);
        Tensor anchor = Toy.Normal([2, 1, Side, Side], 2);
        anchor.select(0, 1).copy_(y.select(0, 1) + 0.1 * Sigma);
        var solver = new ConstrainedAdmm(new SolverInput(model, op, y, Sigma), Long);

        // From outside on the straight line to y; from inside not at all.
        Tensor expected = y + solver.Project(anchor - y);
        Assert.Equal(anchor.select(0, 1).ToFloats(), expected.select(0, 1).ToFloats(), (p, q) => Math.Abs(p - q) < 1e-6);
        Assert.True(Toy.Error(solver.CorrectImage(anchor, 0), expected) < 1e-4, $"{Toy.Error(solver.CorrectImage(anchor, 0), expected):e2}");
        Tensor latent = (solver.CorrectLatent(anchor * 2 - 1) + 1) / 2;
        Assert.True(Toy.Error(latent, expected) < 1e-3, $"{Toy.Error(latent, expected):e2}");
    }

    [Theory]
    [InlineData("inpainting", 0), InlineData("blur", 0), InlineData("mri", 0)]
    [InlineData("inpainting", 0.6), InlineData("downsampling", 0.6), InlineData("mri", 0.6)]
    public void The_image_is_the_nearest_one_in_the_error_s_metric(string name, double correlation)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 1);
        Tensor anchor = model.Sample(1, Side, Side, new Generator(9)), c = MetricProx.Correlation(Side, correlation, torch.CPU);
        Tensor x = new ConstrainedAdmm(new SolverInput(model, op, y, Sigma), Long with { PixelIterations = 3000, Penalty = 10 })
            .CorrectImage(anchor, correlation);

        // Karush, Kuhn, Tucker: on the sphere, and x - x_d along C Aᵀ (y - A x).
        Assert.Equal(1, op.Residual2(x, y).ToDoubles()[0] / (op.MeasuredComponents * Sigma * Sigma), 0.02);
        Tensor moved = x - anchor, normal = c.Matmul(op.Adjoint(y - op.Apply(x))).Matmul(c);
        double cosine = (moved * normal).sum().ToDouble() / (moved.norm().ToDouble() * normal.norm().ToDouble());
        Assert.True(cosine > 0.999, $"{cosine:f5}");
    }

    [Fact]
    public void The_first_step_has_the_analytic_length()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["blur"](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 1);
        Tensor anchor = Toy.Normal([1, 1, Side, Side], 2);
        var solver = new ConstrainedAdmm(new SolverInput(model, op, y, Sigma), Long with { PixelIterations = 1, LatentIterations = 1, Penalty = 3 });
        Tensor ax = op.Apply(anchor), g = op.Adjoint(ax - y - solver.Project(ax - y)) * 3;
        double g2 = g.square().sum().ToDouble(), jg2 = op.Apply(g).square().sum().ToDouble();
        Assert.True(Toy.Error(solver.CorrectImage(anchor, 0), anchor - g * (g2 / (g2 + 3 * jg2))) < 1e-5);

        // The latent is 2x - 1: the gradient by it is half, and so is J.
        Tensor half = g / 2, latent = solver.CorrectLatent(anchor * 2 - 1);
        Tensor expected = anchor * 2 - 1 - half * (g2 / (g2 + 3 * jg2 / 4));
        Assert.True(Toy.Error(latent, expected) < 1e-4, $"{Toy.Error(latent, expected):e2}");
    }

    /// <remarks>The residual is the distance to what a rounded or clipped value may stand for, and its Jacobian is 0 where that is nothing.</remarks>
    [Theory]
    [InlineData("quantisation"), InlineData("jpeg"), InlineData("hdr")]
    public void Images_and_latents_reach_the_ball_where_the_detector_rounds_or_clips(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using var generator = new Generator(9);
        Tensor truth = model.Sample(1, Side, Side, generator), anchor = model.Sample(1, Side, Side, generator), y = (truth * 2).clamp(0, 1);
        using NonlinearOperator op = name switch
        {
            "quantisation" => QuantisationOperator.Levels([1, Side, Side], 4, torch.CPU),
            "jpeg" => QuantisationOperator.Jpeg([1, Side, Side], 30, torch.CPU),
            _ => new ClippingOperator("hdr", [1, Side, Side], 2, 0, 1, ClippingOperator.Censored(y.ToFloats(), 0, 1, 0), torch.CPU),
        };
        y = op.Apply(truth);
        var solver = new ConstrainedAdmm(new SolverInput(model, op, y, Sigma), Long with { Penalty = 10 });
        double allowed = op.MeasuredComponents * Sigma * Sigma;
        Assert.All(op.Residual2(anchor, y).ToDoubles(), r => Assert.True(r > 2 * allowed));
        Assert.All(op.Residual2(solver.CorrectImage(anchor, 0), y).ToDoubles(), r => Assert.InRange(r, 0.5 * allowed, 1.1 * allowed));
        Assert.All(op.Residual2((solver.CorrectLatent(anchor * 2 - 1) + 1) / 2, y).ToDoubles(), r => Assert.InRange(r, 0.5 * allowed, 1.1 * allowed));
    }

    [Fact]
    public void Levels_above_the_switch_correct_the_image_and_those_below_the_latent()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](Side);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 1);
        var stages = new List<string>();
        var parameters = Long with { Steps = 10, PixelIterations = 2, LatentIterations = 3, SigmaSwitch = 1 };
        var solver = new ConstrainedAdmm(new SolverInput(model, op, y, Sigma, p => stages.Add(p.Stage)), parameters);
        using SolverState state = solver.Start(1);
        solver.Run(state);
        int above = new DdimSchedule(model, 10).From(0).Count(step => step.AlphaCumprod <= 0.5);
        Assert.InRange(above, 3, 7);
        Assert.Equal([.. Enumerable.Repeat("pixel", above), .. Enumerable.Repeat("latent", 10 - above), "final"], stages);
        Assert.Equal(
            (10, above + 3 * (10 - above) + 1, above, 3 * (10 - above)),
            (solver.Calls.Network, solver.Calls.Decoder, solver.Calls.Encoder, solver.Calls.DecoderGradient));
    }
}
