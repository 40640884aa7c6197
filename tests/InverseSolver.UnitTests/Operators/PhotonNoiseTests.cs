using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

/// <summary>Counted photons: drawn as they should be, and whitened to what every solver expects.</summary>
public sealed class PhotonNoiseTests : IDisposable
{
    private const int Size = 128;
    private const double Level = 0.5;
    private static readonly Dictionary<string, ArrayData> None = [];
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public static TheoryData<string> Uncountable => [.. UncountableProblems.Keys];

    private static Dictionary<string, Problem> UncountableProblems { get; } = new()
    {
        ["mri"] = new CartesianMri(new EquispacedKSpaceMask()),
        ["composition ending in mri"] = new Composition([new GaussianBlur(1), new CartesianMri(new EquispacedKSpaceMask())]),
        ["phase retrieval"] = new PhaseRetrieval(),
        ["compressed sensing"] = new CompressedSensing(),
        ["quantisation"] = new Quantisation(),
        ["jpeg"] = new Jpeg(),
    };

    public void Dispose() => _scope.Dispose();

    /// <remarks>Mighell 1999: 1 + exp(−λ) (λ − 1), exactly.</remarks>
    [Theory, InlineData(0.25), InlineData(1), InlineData(2), InlineData(5), InlineData(30), InlineData(10_000)]
    public void The_whitened_residual_of_the_truth_is_what_theory_says(double rate)
    {
        (double mean, double error) = Ratio(new Denoising(), Level, rate / Level, 0);
        Assert.InRange(mean, 1 + Math.Exp(-rate) * (rate - 1) - 5 * error, 1 + Math.Exp(-rate) * (rate - 1) + 5 * error);
    }

    [Theory, InlineData(40, 0.05), InlineData(200, 0.02), InlineData(1000, 0.1), InlineData(10, 0.5)]
    public void With_read_out_noise_it_is_the_number_of_entries(double photons, double sigma)
    {
        (double mean, double error) = Ratio(new Denoising(), Level, photons, sigma);
        Assert.InRange(mean, 0.97 - 5 * error, 1.03 + 5 * error);
    }

    [Theory, InlineData(1e3, 0, Projector.Mean), InlineData(1e5, 0, Projector.Mean), InlineData(1e4, 0, Projector.Radon), InlineData(1e4, 0.02, Projector.Mean)]
    public void A_transmitted_beam_has_the_residual_of_its_counts(double photons, double sigma, Projector projector)
    {
        (double mean, double error) = Ratio(new ComputedTomography(90, Projector: projector), Level, photons, sigma);
        Assert.InRange(mean, 0.98 - 5 * error, 1.02 + 5 * error);
    }

    [Fact]
    public void A_beam_through_ones_arrives_as_its_attenuation_says()
    {
        // The central ray of the first projection: exp(-2) of 1e9 photons, whose root is nothing beside them.
        var problem = new ComputedTomography(1, Attenuation: 2);
        float[] y = Reconstructor.Simulate(problem, Flat(1), None, 0, 1, photons: 1e9).Measurement.Values,
            ideal = Reconstructor.Simulate(problem, Flat(1), None, 0, 1).Measurement.Values;
        using var op = (TomographyOperator)ProblemOperators.Create(problem, [1, Size, Size], None, null, torch.CPU);
        Assert.Equal(2, op.Attenuation!.Value * ideal[Size / 2], 1e-3);
        Assert.Equal(ideal[Size / 2], y[Size / 2], 1e-4 * ideal[Size / 2]);
    }

    /// <remarks>With Neyman's weights it would lie one count below.</remarks>
    [Theory, InlineData(5), InlineData(20), InlineData(500)]
    public void The_weighted_mean_is_not_biased(double rate)
    {
        double photons = rate / Level;
        (WhitenedMeasurement m, ForwardOperator _) = Whitened(new Denoising(), Level, photons, 0);
        using var a = (LinearOperator)m.A;
        double mean = a.Adjoint(m.Y).sum().ToDouble() / a.Adjoint(a.Apply(torch.ones([1, 1, Size, Size]))).sum().ToDouble();
        double error = Math.Sqrt(Level / photons) / Size;
        Assert.InRange(mean, Level - 4 * error - 0.02 / photons, Level + 4 * error + 0.02 / photons);
    }

    [Fact]
    public void Counts_have_the_mean_and_the_variance_of_their_rate()
    {
        const double Photons = 40;
        float[] y = Reconstructor.Simulate(new Denoising(), Flat(Level), None, 0.1, 5, photons: Photons).Measurement.Values;
        double mean = y.Average(v => (double)v), variance = y.Average(v => Math.Pow(v - mean, 2)), expected = Level / Photons + 0.01;
        Assert.Equal(Level, mean, 5 * Math.Sqrt(expected) / Size);
        Assert.Equal(expected, variance, 5 * expected * Math.Sqrt(2) / Size);
        Assert.Equal(y, Reconstructor.Simulate(new Denoising(), Flat(Level), None, 0.1, 5, photons: Photons).Measurement.Values);
        Assert.NotEqual(y, Reconstructor.Simulate(new Denoising(), Flat(Level), None, 0.1, 6, photons: Photons).Measurement.Values);
    }

    [Fact]
    public void An_entry_s_noise_does_not_depend_on_the_mask()
    {
        ArrayData image = Toy.Phantom(Size);
        float[] all = Reconstructor.Simulate(new Denoising(), image, None, 0.01, 1, photons: 50).Measurement.Values;
        float[] some = Reconstructor.Simulate(new Inpainting(new RandomMask(0.7, 3)), image, None, 0.01, 1, photons: 50).Measurement.Values;
        Assert.True(some.Count(v => v != 0) > Size * Size / 4);
        Assert.All(Enumerable.Range(0, all.Length), i => Assert.True(some[i] == 0 || some[i] == all[i]));
    }

    [Theory, MemberData(nameof(Uncountable))]
    public void What_is_no_count_is_refused_with_the_reason(string name)
    {
        var e = Assert.Throws<InvalidInputException>(() => Reconstructor.Simulate(UncountableProblems[name], Toy.Phantom(64), None, 0.01, 1, photons: 100));
        Assert.Equal("photons", e.Field);
    }

    [Theory, InlineData(0), InlineData(-1), InlineData(double.NaN), InlineData(double.PositiveInfinity), InlineData(1e-4)]
    public void Photons_out_of_range_are_refused(double photons)
    {
        var e = Assert.Throws<InvalidInputException>(() => Reconstructor.Simulate(new Denoising(), Toy.Phantom(64), None, 0.01, 1, photons: photons));
        Assert.Equal("photons", e.Field);
    }

    [Fact]
    public void Read_out_noise_is_not_estimated_beside_counts()
    {
        using var model = Toy.Gaussian();
        var e = Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, Request(Toy.Phantom(64)) with { Sigma = null }));
        Assert.Equal("sigma", e.Field);
    }

    [Fact]
    public void Weights_keep_the_scale()
    {
        (WhitenedMeasurement m, ForwardOperator _) = Whitened(new Inpainting(new RandomMask(0.5, 1)), null, 100, 0.01);
        using ForwardOperator a = m.A;
        Tensor ones = a.Apply(torch.ones([1, 1, Size, Size]));
        Assert.Equal(1, ones.square().sum().ToDouble() / a.MeasuredComponents, 1e-4);
    }

    /// <remarks>Dark texture beside a bright plain: measured 28.68 dB against 28.22 dB, both at the best of nine weights of a penalty on gradients.</remarks>
    [Fact]
    public void Where_intensities_vary_weighing_is_better()
    {
        var values = new float[Size * Size];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = i % Size < Size / 2 ? 0.02f + 0.02f * (float)Math.Sin(i % Size * 0.8) * (float)Math.Sin(i / Size * 0.8) : 0.9f;
        }

        (double weighted, double plain) = BestOf9(new Denoising(), new ArrayData([1, Size, Size], values), 100);
        Assert.True(weighted > plain + 0.3, $"{weighted:f2} dB, unweighted {plain:f2} dB");
    }

    /// <remarks>Of a thousand photons a hundredth arrives behind the head. Measured: see the bound.</remarks>
    [Fact]
    public void Beams_that_few_photons_survive_count_less()
    {
        (double weighted, double plain) = BestOf9(new ComputedTomography(24, Projector: Projector.Mean, Attenuation: 12), Toy.Phantom(32), 1000);
        Assert.True(weighted > plain + 0.3, $"{weighted:f2} dB, unweighted {plain:f2} dB");
    }

    [Fact]
    public void A_run_is_in_whitened_units_and_says_so()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        ReconstructionRequest request = Request(Reconstructor.Simulate(new Denoising(), Toy.Phantom(64), None, 0.02, 1, photons: 100).Measurement);
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        Assert.Equal(new NoiseReport(0.02, false, null, 100), result.Noise);
        Assert.Equal(100, result.Consistency.Photons);
        Assert.InRange(result.Consistency.Ratio!.Value, 0.01, 2);
        Assert.Equal(0, result.Consistency.PriorShare!.Value, 1e-6);
        Assert.Equal(result.Image.Values, Reconstructor.Run(model, request, null, default).Image.Values);
    }

    [Fact]
    public void Several_measurements_are_not_whitened_together() => Assert.Throws<ArgumentException>(
        () => PhotonNoise.Whiten(MaskOperator.Denoising(1, 8, 8, torch.CPU), torch.ones([2, 1, 8, 8]), 0, 100));

    private static ReconstructionRequest Request(ArrayData y) => new()
    {
        Problem = new Denoising(),
        Measurement = y,
        Sigma = 0.02,
        Photons = 100,
        Solver = ReSampleParameters.Fast with { Samples = 2, Steps = 5 },
        Seed = 1,
    };

    private static (double Weighted, double Plain) BestOf9(Problem problem, ArrayData image, double photons)
    {
        Tensor truth = image.ToTensor(torch.CPU), y = Reconstructor.Simulate(problem, image, None, 0, 1, photons: photons).Measurement.ToTensor(torch.CPU);
        using ForwardOperator op = ProblemOperators.Create(problem, [.. image.Shape.Select(size => (long)size)], None, null, torch.CPU);
        WhitenedMeasurement m = PhotonNoise.Whiten(op, y, 0, photons);
        using ForwardOperator a = m.A;
        return (Psnr(LeastSquares.BestOf9((LinearOperator)a, m.Y, truth).Images), Psnr(LeastSquares.BestOf9((LinearOperator)op, y, truth).Images));

        double Psnr(Tensor x) => -10 * Math.Log10((x - truth).square().mean().ToDouble());
    }

    private static ArrayData Flat(double value) => new([1, Size, Size], [.. Enumerable.Repeat((float)value, Size * Size)]);

    private static (WhitenedMeasurement Measurement, ForwardOperator Unweighted) Whitened(Problem problem, double? level, double photons, double sigma)
    {
        ArrayData image = level is { } value ? Flat(value) : Toy.Phantom(Size);
        Tensor y = Reconstructor.Simulate(problem, image, None, sigma, 1, photons: photons).Measurement.ToTensor(torch.CPU);
        ForwardOperator op = ProblemOperators.Create(problem, [1, Size, Size], None, null, torch.CPU);
        return (PhotonNoise.Whiten(op, y, sigma, photons), op);
    }

    /// <summary>Mean of the squared residuals of the truth over s², and its standard error.</summary>
    private static (double Mean, double Error) Ratio(Problem problem, double level, double photons, double sigma)
    {
        (WhitenedMeasurement m, ForwardOperator _) = Whitened(problem, level, photons, sigma);
        using ForwardOperator a = m.A;
        double[] squares = [.. a.Residual(Flat(level).ToTensor(torch.CPU), m.Y).ToDoubles().Select(r => r * r / (m.Sigma * m.Sigma))];
        double mean = squares.Average();
        return (mean, Math.Sqrt(squares.Average(s => Math.Pow(s - mean, 2)) / squares.Length));
    }
}
