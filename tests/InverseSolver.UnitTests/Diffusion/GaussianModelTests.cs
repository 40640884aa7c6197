using InverseSolver.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

[LeavesNoTensors]
public sealed class GaussianModelTests
{
    private static double Smooth(double fy, double fx) => 0.04 / (0.05 + (20 * ((fy * fy) + (fx * fx))));

    private static GaussianModel Stationary() => new(Smooth, mean: 0.4, channels: 2);

    private static GaussianModel Dense()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var generator = new Generator(5);
        Tensor root = torch.randn([12, 12], generator, ScalarType.Float64) * 0.1;
        return new GaussianModel(torch.rand([1, 3, 4], generator, ScalarType.Float64), root.Matmul(root.t()));
    }

    public static TheoryData<bool, int, int> Models => new() { { true, 3, 4 }, { false, 3, 4 } };

    [Theory, MemberData(nameof(Models))]
    public void The_noise_is_the_numerical_score_of_the_marginal(bool dense, int height, int width)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = dense ? Dense() : Stationary();
        using var generator = new Generator(1);
        const int T = 300;
        double a = model.AlphasCumprod[T];
        long[] shape = [1, .. model.LatentShape(height, width)];
        Tensor z = torch.randn(shape, generator);
        double[] noise = model.PredictNoise(z, torch.copy_of([(long)T])).ToDoubles();

        (Tensor mean, Tensor covariance) = model.Moments(height, width);
        long d = covariance.size(0);
        Tensor precision = torch.linalg.inv(covariance * (4 * a) + torch.eye(d, dtype: ScalarType.Float64) * (1 - a));
        Tensor centre = (mean.reshape(-1) * 2.0 - 1.0) * Math.Sqrt(a);
        double LogDensity(double[] at)
        {
            using DisposeScope inner = torch.NewDisposeScope();
            Tensor r = torch.copy_of(at) - centre;
            return -0.5 * (r.reshape(-1, 1) * precision.Matmul(r.reshape(-1, 1))).sum().ToDouble();
        }

        double[] point = z.ToDoubles();
        for (int i = 0; i < point.Length; i++)
        {
            double[] up = [.. point], down = [.. point];
            up[i] += 1e-4;
            down[i] -= 1e-4;
            double score = (LogDensity(up) - LogDensity(down)) / 2e-4;
            Assert.Equal(-Math.Sqrt(1 - a) * score, noise[i], 1e-4);
        }
    }

    [Theory, MemberData(nameof(Models))]
    public void The_consistency_function_ends_the_path_of_the_probability_flow(bool dense, int height, int width)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = dense ? Dense() : Stationary();
        using var generator = new Generator(1);
        (Tensor mean, Tensor covariance) = model.Moments(height, width);
        Tensor centre = mean.reshape(1, -1) * 2.0 - 1.0, c = covariance * 4, one = torch.eye(c.size(0), dtype: ScalarType.Float64);
        Tensor start = torch.randn([1, .. model.LatentShape(height, width)], generator);

        // dz/dσ = σ (C + σ² I)⁻¹ (z - μ), by small midpoint steps from σ = 2 to 0. The function is the same along the path, and the identity at its
        // end.
        Tensor z = start.to(ScalarType.Float64).reshape(1, -1);
        const int Steps = 4000;
        for (int i = 0; i < Steps; i++)
        {
            using DisposeScope step = torch.NewDisposeScope();
            double sigma = 2 - 2.0 * i / Steps;
            Tensor middle = z - Slope(z, sigma) * (1.0 / Steps);
            z = (z - Slope(middle, sigma - 1.0 / Steps) * (2.0 / Steps)).MoveToOuterDisposeScope();
            if (i == Steps / 2 - 1)
            {
                Compare(model.ConsistencyFunction(start, 2), model.ConsistencyFunction(z.to(ScalarType.Float32).reshape(start.shape), 1));
            }
        }

        Compare(model.ConsistencyFunction(start, 2), z);
        Compare(model.ConsistencyFunction(start, 1e-6), start);

        Tensor Slope(Tensor at, double sigma) => torch.linalg.solve(c + one * (sigma * sigma), (at - centre).t()).t() * sigma;

        static void Compare(Tensor a, Tensor b) => Assert.True((a.reshape(-1).to(ScalarType.Float64) - b.reshape(-1)).abs().max().ToDouble() < 2e-4);
    }

    [Fact]
    public void Samples_have_the_mean_and_the_covariance()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Dense();
        using var generator = new Generator(2);
        CheckMoments(model.Sample(20_000, 3, 4, generator), model);
    }

    [Fact]
    public void Ddim_sampling_ends_in_the_image_distribution()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Dense();
        using var generator = new Generator(3);
        Tensor z = torch.randn([10_000, 1, 3, 4], generator);
        const int Steps = 150;
        for (int i = Steps - 1; i >= 0; i--)
        {
            int t = (int)Math.Round(i * 999.0 / (Steps - 1));
            double a = model.AlphasCumprod[t], before = i == 0 ? 1 : model.AlphasCumprod[(int)Math.Round((i - 1) * 999.0 / (Steps - 1))];
            using DisposeScope step = torch.NewDisposeScope();
            Tensor e = model.PredictNoise(z, torch.copy_of([(long)t]));
            z = ((z - e * Math.Sqrt(1 - a)) * Math.Sqrt(before / a) + e * Math.Sqrt(1 - before)).MoveToOuterDisposeScope();
        }

        CheckMoments(model.Decode(z, 3, 4), model);
    }

    [Fact]
    public void The_posterior_is_the_conditional_of_the_joint_distribution()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Stationary();
        using var generator = new Generator(4);
        Tensor a = torch.randn([5, 24], generator, ScalarType.Float64), y = torch.randn([5], generator, ScalarType.Float64);
        (Tensor mean, Tensor covariance) = model.Posterior(a, y, 0.3, 3, 4);

        // The same in information form: P = C⁻¹ + AᵀA/σ², P m = C⁻¹ μ + Aᵀy/σ².
        (Tensor prior, Tensor c) = model.Moments(3, 4);
        Tensor inverse = torch.linalg.inv(c);
        Tensor precision = inverse + a.t().Matmul(a) / 0.09;
        Tensor right = inverse.Matmul(prior.reshape(-1, 1)) + a.t().Matmul(y.reshape(-1, 1)) / 0.09;
        Assert.True((torch.linalg.solve(precision, right).reshape(-1) - mean.reshape(-1)).abs().max().ToDouble() < 1e-10);
        Assert.True((torch.linalg.inv(precision) - covariance).abs().max().ToDouble() < 1e-10);
    }

    [Fact]
    public void The_variance_of_a_pixel_is_the_mean_of_the_spectrum()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var model = new GaussianModel((fy, fx) => 0.01 + (fy * fy), channels: 1);
        using var generator = new Generator(6);
        Tensor x = model.Sample(400, 5, 16, generator);
        double expected = 0.01 + (new[] { 0, 0.2, 0.4, -0.4, -0.2 }.Sum(f => f * f) / 5);
        Assert.Equal(expected, x.var([0, 1, 2, 3]).ToDouble(), 0.003);
    }

    private static void CheckMoments(Tensor x, GaussianModel model)
    {
        (Tensor mean, Tensor covariance) = model.Moments(3, 4);
        Tensor flat = x.to(ScalarType.Float64).reshape(x.size(0), -1);
        Tensor average = flat.mean([0], keepdim: true);
        Tensor centred = flat - average;
        double scale = covariance.abs().max().ToDouble();
        Assert.True((average.reshape(-1) - mean.reshape(-1)).abs().max().ToDouble() < 0.04 * Math.Sqrt(scale));
        Assert.True((centred.t().Matmul(centred) / x.size(0) - covariance).abs().max().ToDouble() < 0.05 * scale);
    }
}
