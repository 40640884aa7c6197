using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The solvers without a network against closed forms and dense systems.</summary>
[LeavesNoTensors]
public sealed class BaselineTests
{
    private const double Sigma = 0.05;

    public static TheoryData<int, int> Sizes => new() { { 16, 16 }, { 13, 18 }, { 7, 4 }, { 5, 31 }, { 3, 9 } };

    [Theory, MemberData(nameof(Sizes))]
    public void The_wavelets_are_orthogonal_and_come_back(int height, int width)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var wavelet = new OrthogonalWavelet(height, width, torch.CPU);
        long pixels = height * width;
        Tensor w = wavelet.Forward(torch.eye(pixels).reshape(pixels, height, width)).reshape(pixels, pixels);
        Assert.True((w.Matmul(w.t()) - torch.eye(pixels)).abs().max().ToDouble() < 1e-5);
        Tensor x = Toy.Normal([2, 3, height, width], 1);
        Assert.True((wavelet.Inverse(wavelet.Forward(x)) - x).abs().max().ToDouble() < 1e-5);
    }

    [Fact]
    public void Details_of_a_ramp_vanish_away_from_the_borders_and_those_of_a_constant_everywhere()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var wavelet = new OrthogonalWavelet(32, 32, torch.CPU);
        Assert.Equal(4, wavelet.Levels);
        Tensor flat = wavelet.Forward(torch.ones([1, 1, 32, 32]));
        Assert.True((flat * wavelet.Details).abs().max().ToDouble() < 1e-5);

        // Daubechies' filters of four taps have two vanishing moments: only the row that wraps around sees a ramp.
        Tensor ramp = torch.arange(32).to(ScalarType.Float32).reshape(1, 1, 32, 1).expand(1, 1, 32, 32).contiguous();
        Tensor finest = wavelet.Forward(ramp).narrow(2, 16, 16);
        Assert.True(finest.narrow(2, 0, 15).abs().max().ToDouble() < 1e-4);
        Assert.True(finest.narrow(2, 15, 1).abs().max().ToDouble() > 1);
    }

    [Fact]
    public void Denoising_by_wavelets_without_spinning_is_one_soft_threshold()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators["denoising"](16);
        Tensor y = Toy.Measure(model, a, Sigma, 2, 5).Y;
        const double weight = 0.07;
        using var wavelet = new OrthogonalWavelet(16, 16, torch.CPU);
        Tensor c = wavelet.Forward(y), details = wavelet.Details;
        Tensor expected = wavelet.Inverse(torch.where(details.gt(0), c.sign() * (c.abs() - weight).relu(), c));
        Tensor x = Image(a, Toy.Run(model, a, y, Sigma, WaveletParameters.Paper with { Weight = weight, Steps = 60 }, 1, 2), 2);
        Assert.True((x - expected).abs().max().ToDouble() < 1e-4, $"{(x - expected).abs().max().ToDouble()}");
        Assert.True((y - expected).abs().max().ToDouble() > 0.05);
    }

    // Of two levels a and b, each n pixels wide, the jump falls by w/n on both sides until nothing is left of it.
    [Theory]
    [InlineData(0.2, 0.7, 3, 5, 0.3)]
    [InlineData(0.9, 0.1, 4, 4, 0.4)]
    [InlineData(0.3, 0.4, 4, 4, 1.0)]
    public void Total_variation_draws_two_levels_together(double left, double right, int leftWidth, int rightWidth, double weight)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        int width = leftWidth + rightWidth;
        using MaskOperator a = MaskOperator.Denoising(1, 6, width, torch.CPU);
        Tensor y = torch.cat([torch.full([1, 1, 6, leftWidth], left), torch.full([1, 1, 6, rightWidth], right)], 3);
        float[] x = Toy.Run(model, a, y, Sigma, TotalVariationParameters.Paper with { Weight = weight }, 1);
        double sign = Math.Sign(right - left), l = left + sign * weight / leftWidth, r = right - sign * weight / rightWidth;
        if ((r - l) * sign < 0)
        {
            l = r = (left * leftWidth + right * rightWidth) / width;
        }

        for (int i = 0; i < x.Length; i++)
        {
            Assert.Equal(i % width < leftWidth ? l : r, x[i], 2e-4);
        }
    }

    // The minimum is where no direction falls: the objective there is below that of everything near it.
    [Theory]
    [InlineData("blur"), InlineData("mri"), InlineData("downsampling"), InlineData("inpainting")]
    public void Total_variation_finds_the_minimum_of_its_objective(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators[name](16);
        Tensor y = Toy.Measure(model, a, Sigma, 1, 5).Y;
        const double weight = 0.02;
        TotalVariationParameters paper = TotalVariationParameters.Paper with { Weight = weight };
        Tensor x = Image(a, Toy.Run(model, a, y, Sigma, paper, 1), 1),
            other = Image(a, Toy.Run(model, a, y, Sigma, paper with { Threshold = 0.1, Steps = 2000 }, 1), 1);
        Assert.Equal(Objective(other), Objective(x), 1e-3 * Objective(x));
        for (int seed = 0; seed < 5; seed++)
        {
            Tensor direction = Toy.Normal([1, 1, 16, 16], seed);
            Assert.True(Objective(x + direction * 0.003) > Objective(x));
        }

        Assert.True(Objective(x * 0.99) > Objective(x) && Objective(x * 1.01) > Objective(x));

        double Objective(Tensor image) =>
            0.5 * a.Residual2(image, y).ToDoubles()[0] + weight * Differences.Of(image).square().sum([1, 2]).sqrt().sum().ToDouble();
    }

    [Theory]
    [InlineData("blur"), InlineData("mri"), InlineData("downsampling"), InlineData("inpainting")]
    public void Least_squares_solves_the_dense_normal_equations(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators[name](16);
        Tensor y = Toy.Measure(model, a, Sigma, 2, 5).Y;
        const double weight = 0.03;
        long d = 256;
        Tensor dense = Toy.Dense(a), gradient = Differences.Of(torch.eye(d).reshape(d, 1, 16, 16)).reshape(d, 2 * d).t().to(ScalarType.Float64);
        Tensor normal = dense.t().Matmul(dense) + gradient.t().Matmul(gradient) * weight;
        Tensor expected = torch.linalg.solve(normal, dense.t().Matmul(Toy.Flat(a, y).t())).t();
        Tensor x = Image(a, Toy.Run(model, a, y, Sigma, new LeastSquaresParameters { Weight = weight }, 1, 2), 2);
        Assert.True(Toy.Error(x.reshape(2, -1), expected) < 3e-3, $"{Toy.Error(x.reshape(2, -1), expected)}");
    }

    [Fact]
    public void The_weight_is_the_largest_of_the_grid_whose_residual_the_noise_explains()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators["blur"](16);
        Tensor y = Toy.Measure(model, a, Sigma, 1, 5).Y;
        double expected = a.MeasuredComponents * Sigma * Sigma;
        double[] grid = SmoothLeastSquares.Grid(OperatorNorm.Squared(a, torch.CPU));
        Assert.Equal(25, grid.Length);
        Tensor chosen = Image(a, Toy.Run(model, a, y, Sigma, new LeastSquaresParameters { Discrepancy = 1 }, 1), 1);
        int first = Array.FindIndex(grid, weight => Residual(With(weight)) <= expected);
        Assert.InRange(first, 1, grid.Length - 2);
        Assert.True((chosen - With(grid[first])).abs().max().ToDouble() < 1e-3);
        Assert.True((chosen - With(grid[first - 1])).abs().max().ToDouble() > 3e-3);

        // Half of the noise asks for a smaller weight.
        Tensor nearer = Image(a, Toy.Run(model, a, y, Sigma, new LeastSquaresParameters { Discrepancy = 0.5 }, 1), 1);
        Assert.True(Residual(nearer) <= 0.5 * expected && Residual(chosen) > 0.5 * expected);

        Tensor With(double weight) => Image(a, Toy.Run(model, a, y, Sigma, new LeastSquaresParameters { Weight = weight }, 1), 1);

        double Residual(Tensor x) => a.Residual2(x, y).ToDoubles()[0];
    }

    [Fact]
    public void Items_of_a_batch_have_their_own_weights()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators["blur"](16);
        Tensor y = torch.cat([Toy.Measure(model, a, Sigma, 1, 5).Y, Toy.Measure(model, a, Sigma / 10, 1, 6).Y]);
        Tensor x = Image(a, Toy.Run(model, a, y, Sigma, new LeastSquaresParameters(), 1, 2), 2);
        for (int i = 0; i < 2; i++)
        {
            Tensor alone = Image(a, Toy.Run(model, a, y.narrow(0, i, 1), Sigma, new LeastSquaresParameters(), 1), 1);
            Assert.True((x.narrow(0, i, 1) - alone).abs().max().ToDouble() < 2e-4);
        }
    }

    [Theory]
    [InlineData("denoising", 1), InlineData("inpainting", 1), InlineData("mri", 1)]
    public void The_norm_of_these_operators_is_known(string name, double norm2)
    {
        using LinearOperator a = Toy.Operators[name](16);
        Assert.Equal(norm2, OperatorNorm.Squared(a, torch.CPU), 0.02);
    }

    [Fact]
    public void The_norm_is_the_largest_singular_value_of_the_dense_operator()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        foreach (LinearOperator a in Toy.Operators.Values.Select(make => make(16)))
        {
            using (a)
            {
                double largest = torch.linalg.svd(Toy.Dense(a), fullMatrices: false).S.max().ToDouble();
                Assert.Equal(largest * largest, OperatorNorm.Squared(a, torch.CPU), 0.03 * largest * largest);
            }
        }
    }

    [Fact]
    public void A_saturated_image_is_denoised_by_wavelets_where_it_is_not_saturated()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData truth = Toy.Phantom(32), y = Reconstructor.Simulate(new HighDynamicRange(), truth, new Dictionary<string, ArrayData>(), Sigma, 1).Measurement;
        ReconstructionResult Solve(SolverParameters solver) => Reconstructor.Run(
            model, new ReconstructionRequest { Problem = new HighDynamicRange(), Measurement = y, Sigma = Sigma, Solver = solver, Seed = 1 }, null, default);
        double Error(ReconstructionResult result) =>
            Enumerable.Range(0, truth.Values.Length).Where(i => truth.Values[i] is > 0.05f and < 0.45f)
                .Sum(i => Math.Pow(result.Image.Values[i] - truth.Values[i], 2));

        ReconstructionResult wavelet = Solve(WaveletParameters.Balanced);
        Assert.InRange(wavelet.Consistency.Ratio!.Value, 0, 1.2);
        Assert.True(Error(wavelet) < Error(Solve(AdjointParameters.Balanced)));
    }

    [Fact]
    public void The_adjoint_is_what_the_operator_gives_and_costs_no_network_call()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (Func<int, LinearOperator> make in Toy.Operators.Values)
        {
            using LinearOperator a = make(16);
            Tensor y = Toy.Measure(model, a, Sigma, 2, 5).Y;
            Assert.Equal(a.Adjoint(y).ToFloats(), Toy.Run(model, a, y, Sigma, AdjointParameters.Balanced, 1, 2));
        }

        ReconstructionResult result = Reconstructor.Run(
            model,
            new ReconstructionRequest
            {
                Problem = new Denoising(),
                Measurement = Toy.Phantom(16),
                Sigma = Sigma,
                Solver = AdjointParameters.Balanced,
                Seed = 1,
            },
            null, default);
        Assert.Equal((0, 0, 0, 0), (result.Cost.NetworkCalls, result.Cost.DecoderCalls, result.Cost.EncoderCalls, result.Cost.NetworkGradients));
    }

    [Theory]
    [InlineData("adjoint", true, false, true), InlineData("leastSquares", false, false, false)]
    [InlineData("totalVariation", false, false, false), InlineData("wavelet", true, false, false)]
    public void Nonlinear_problems_are_solved_where_the_mathematics_holds(string type, bool detector, bool phase, bool module)
    {
        using GaussianModel model = Toy.Gaussian();
        SolverParameters solver = SolverCatalog.Resolve(type, "balanced", null);
        Assert.Equal(
            detector,
            new Problem[] { new HighDynamicRange(), new Clipping(), new Quantisation(), new Jpeg() }
                .All(problem => solver.Refusal(problem, model.Info) is null));
        Assert.Equal(phase, solver.Refusal(new PhaseRetrieval(), model.Info) is null);
        Assert.Equal(module, solver.Refusal(new TorchScript("m"), model.Info) is null);
        Assert.NotNull(solver.Refusal(new TorchScript("m", Height: 9), model.Info));
        Assert.True(SolverCatalog.All.Single(one => one.Type == type).IsBaseline);
    }

    private static Tensor Image(LinearOperator a, float[] values, int items) => torch.copy_of(values, [items, .. a.Domain]);
}
