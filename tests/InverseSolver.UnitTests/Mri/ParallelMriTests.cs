using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Multi-coil MRI from measurement to complex image, on simulated scans whose coils, phase and noise are known.</summary>
[LeavesNoTensors]
public sealed class ParallelMriTests
{
    private const int Side = 64, Coils = 8;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Problem.AddKinds } },
    };
    private static readonly Dictionary<string, ArrayData> None = [];

    [Fact]
    public void A_problem_comes_back_from_JSON()
    {
        Problem problem = new ParallelMri(new PoissonDiscKSpaceMask(3, Lines: true), MapSource.Espirit, 2, 6, 32, 48, 40);
        string text = JsonSerializer.Serialize(problem, Json);
        Assert.Contains("\"type\":\"parallelMri\"", text, StringComparison.Ordinal);
        Assert.Equal(problem, JsonSerializer.Deserialize<Problem>(text, Json));
        Assert.Equal(new ParallelMri(), JsonSerializer.Deserialize<Problem>("""{"type":"parallelMri"}""", Json));
    }

    /// <remarks>The definition, by a sum over pixels: y(k) = 1/√(rows columns) Σ S_c(r) exp(iφ(r)) x(r) exp(−2πi k·(r − centre)/size).</remarks>
    [Fact]
    public void A_simulated_sample_is_that_of_the_definition()
    {
        ArrayData image = Toy.Phantom(16), phase = new([16, 16], Operators.OperatorList.Phase(16, 16));
        SimulatedMeasurement made = Reconstructor.Simulate(new ParallelMri(), image, new Dictionary<string, ArrayData> { ["phase"] = phase }, 0, 4, coils: 3);
        Assert.Equal([3, 16, 16], made.Measurement.Shape);
        ArrayData maps = made.Files["maps"];
        (int coil, int row, int column) = (2, 11, 5);
        System.Numerics.Complex sum = 0;
        for (int i = 0; i < 256; i++)
        {
            double turn = -2 * Math.PI * (((row - 8) * ((i / 16) - 8)) + ((column - 8) * ((i % 16) - 8))) / 16.0;
            var map = new System.Numerics.Complex(maps.Values[2 * ((coil * 256) + i)], maps.Values[(2 * ((coil * 256) + i)) + 1]);
            sum += map * image.Values[i] * System.Numerics.Complex.FromPolarCoordinates(1, phase.Values[i] + turn) / 16;
        }

        int at = 2 * ((coil * 256) + (row * 16) + column);
        Assert.Equal(sum.Real, made.Measurement.Values[at], 1e-5);
        Assert.Equal(sum.Imaginary, made.Measurement.Values[at + 1], 1e-5);
    }

    [Fact]
    public void Known_coils_give_back_the_image_and_its_phase()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData image = Toy.Phantom(Side), phase = Smooth();
        var problem = new ParallelMri(new EquispacedKSpaceMask(Spacing: 2, CentreLines: 16));
        SimulatedMeasurement made = Reconstructor.Simulate(problem, image, new Dictionary<string, ArrayData> { ["phase"] = phase }, 0.002, 1, coils: Coils);
        ReconstructionResult result = Run(model, problem, made.Measurement, new() { ["maps"] = made.Files["maps"] }, 0.002);
        double error = Error(result.MriArrays!.Image, image, phase);
        Assert.True(error < 0.03, $"{error:f4}");
    }

    [Fact]
    public void Estimated_coils_give_back_the_magnitude()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData image = Toy.Phantom(Side);
        var problem = new ParallelMri(new EquispacedKSpaceMask(Spacing: 2, CentreLines: 24));
        SimulatedMeasurement made = Reconstructor.Simulate(problem, image, None, 0.002, 1, coils: Coils);
        ReconstructionResult result = Run(model, problem, made.Measurement, [], 0.002);
        Assert.Equal("espirit", result.Mri!.Maps);
        double error = Error(Magnitude(result.MriArrays!.Image), image);
        Assert.True(error < 0.06, $"{error:f4}");
    }

    /// <remarks>
    /// Noise that is correlated between coils and of other levels in them: whitened it is what the covariance says, so the squared residual is its number
    /// of components times σ².
    /// </remarks>
    [Fact]
    public void Correlated_noise_is_explained_by_its_covariance()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData image = Toy.Phantom(Side);
        var problem = new ParallelMri(new EquispacedKSpaceMask(Spacing: 2, CentreLines: 16));
        SimulatedMeasurement clean = Reconstructor.Simulate(problem, image, None, 0, 1, coils: 4);
        (ArrayData noisy, ArrayData covariance) = WithCorrelatedNoise(clean, 0.02, 5);
        var files = new Dictionary<string, ArrayData> { ["maps"] = clean.Files["maps"], ["covariance"] = covariance };
        ReconstructionResult result = Run(model, problem, noisy, files, sigma: null);
        Assert.Equal("covariance", result.Mri!.Noise);

        // The truth's own residual, whitened, is what noise explains: the operator of what was handed out, on the image that was measured.
        Assert.InRange(result.Consistency.Ratio!.Value, 0.75, 1.1);
        double level = Math.Sqrt(Enumerable.Range(0, 4).Average(i => covariance.Values[2 * ((i * 4) + i)]) / 2);
        Assert.Equal(level, result.Noise.Sigma, 1e-4 * level);
    }

    [Fact]
    public void Partial_Fourier_is_completed_by_the_phase()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData image = Toy.Phantom(Side), phase = Smooth();
        var problem = new ParallelMri(new EquispacedKSpaceMask(Spacing: 1, CentreLines: 16, PartialFourier: 0.625));
        SimulatedMeasurement made = Reconstructor.Simulate(problem, image, new Dictionary<string, ArrayData> { ["phase"] = phase }, 0.002, 1, coils: 4);
        var files = new Dictionary<string, ArrayData> { ["maps"] = made.Files["maps"] };
        ReconstructionResult filled = Run(model, problem, made.Measurement, files, 0.002, "adjoint");
        ReconstructionResult solved = Run(model, problem, made.Measurement, files, 0.002, "ddnm");
        double zeros = Error(Magnitude(filled.MriArrays!.Image), image), error = Error(Magnitude(solved.MriArrays!.Image), image);
        Assert.True(error < 0.6 * zeros, $"{error:f4}, zero-filled {zeros:f4}");
    }

    [Fact]
    public void A_trajectory_is_simulated_and_solved()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData image = Toy.Phantom(32);
        double[,] path = Trajectories.GoldenRadial(32, 32, 40, 64);
        var problem = new ParallelMri(Rows: 32, Columns: 32);
        var files = new Dictionary<string, ArrayData> { ["trajectory"] = new([path.GetLength(0), 2], [.. path.Cast<double>().Select(value => (float)value)]) };
        SimulatedMeasurement made = Reconstructor.Simulate(problem, image, files, 0.002, 1, coils: 4);
        Assert.Equal([4, 40 * 64], made.Measurement.Shape);
        files["maps"] = made.Files["maps"];
        ReconstructionResult result = Run(model, problem, made.Measurement, files, 0.002);
        double error = Error(Magnitude(result.MriArrays!.Image), image), corners = Corners(image);
        Assert.True(error < 1.1 * corners, $"{error:f4}, in the corners {corners:f4}");
    }

    [Fact]
    public void Frames_of_a_volume_share_their_coils_and_say_which_are_being_solved()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData one = Toy.Phantom(32), two = new([2, 1, 32, 32], [.. one.Values, .. one.Values.Select(value => value / 2)]);
        var problem = new ParallelMri(new EquispacedKSpaceMask(Spacing: 2, CentreLines: 12));
        SimulatedMeasurement made = Reconstructor.Simulate(problem, two, None, 0, 1, coils: 4);
        Assert.Equal(
            made.Measurement.Values[..(2 * 4 * 32 * 32)].Select(value => value / 2),
            made.Measurement.Values[(2 * 4 * 32 * 32)..],
            (a, b) => Math.Abs(a - b) < 1e-5);
        var seen = new List<FrameRange?>();
        Reconstructor.Run(
            model,
            Request(problem, made.Measurement, new() { ["maps"] = made.Files["maps"] }, 0.01, "ddnm"),
            progress => seen.Add(progress.Frames), default);
        Assert.All(seen, range => Assert.Equal(2, range!.Of));
        Assert.Equal((0, 1), (seen.Min(range => range!.First), seen.Max(range => range!.Last)));
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "maskMissing", "files.mask" }, { "coils", "coils" }, { "coilsOfAnother", "coils" }, { "mapsShape", "files.maps" },
        { "unused", "files.psf" }, { "rows", "problem.rows" },
        { "composed", "problem.parts[0]" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void A_simulation_that_is_wrong_names_its_field(string what, string field)
    {
        ArrayData image = Toy.Phantom(16), maps = new([2, 16, 8], new float[512], IsComplex: true), psf = new([3, 3], new float[9]);
        Problem problem = what switch
        {
            "maskMissing" => new ParallelMri(new UploadedKSpaceMask()),
            "coilsOfAnother" => new Denoising(),
            "rows" => new ParallelMri(Rows: 20, Columns: 16),
            "composed" => new Composition([new ParallelMri()]),
            _ => new ParallelMri(),
        };
        Dictionary<string, ArrayData> files = what switch { "mapsShape" => new() { ["maps"] = maps }, "unused" => new() { ["psf"] = psf }, _ => [] };
        int? coils = what switch { "coils" => 0, "coilsOfAnother" => 4, _ => null };
        Assert.Equal(field, Assert.Throws<InvalidInputException>(() => Reconstructor.Simulate(problem, image, files, 0, 1, coils: coils)).Field);
    }

    /// <remarks>Their squares leave single precision, and with them sensitivities and scale. A damaged file has such values.</remarks>
    [Theory]
    [InlineData("measurement", 3e38f), InlineData("measurement", 1e-30f), InlineData("calibration", 3e38f), InlineData("calibration", 1e-30f)]
    public void Values_whose_squares_cannot_be_summed_are_refused(string file, float factor)
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData y = KSpace(Coils, 0.5f), scaled = y with { Values = [.. y.Values.Select(value => factor * value)] };
        var files = file == "calibration" ? new Dictionary<string, ArrayData> { ["calibration"] = scaled } : [];
        Assert.Equal(
            $"files.{file}",
            Assert.Throws<InvalidInputException>(() => Run(model, new ParallelMri(), file == "measurement" ? scaled : y, files, 0.01)).Field);
    }

    [Fact]
    public void Calibration_data_that_are_zero_in_one_frame_are_refused()
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData y = KSpace(Coils, 0.5f), two = new([2, .. y.Shape], [.. y.Values, .. y.Values], IsComplex: true);
        ArrayData calibration = two with { Values = [.. y.Values, .. new float[y.Values.Length]] };
        Assert.Equal(
            "files.calibration",
            Assert.Throws<InvalidInputException>(() => Run(model, new ParallelMri(), two, new() { ["calibration"] = calibration }, 0.01)).Field);
    }

    private static ArrayData KSpace(int coils, float level) =>
        new([coils, Side, Side], [.. Enumerable.Range(0, 2 * coils * Side * Side).Select(i => level * MathF.Cos(i * 0.7f))], IsComplex: true);

    private static ReconstructionRequest Request(ParallelMri problem, ArrayData y, Dictionary<string, ArrayData> files, double? sigma, string solver) => new()
    {
        Problem = problem with { Mask = null },
        Measurement = y,
        Files = files,
        Sigma = sigma,
        Solver = SolverCatalog.Resolve(solver, "fast", null),
        Seed = 1,
    };

    private static ReconstructionResult Run(
        GaussianModel model, ParallelMri problem, ArrayData y, Dictionary<string, ArrayData> files, double? sigma, string solver = "leastSquares") =>
        Reconstructor.Run(model, Request(problem, y, files, sigma, solver), null, default);

    private static ArrayData Smooth()
    {
        using Tensor phase = CoilSimulation.ObjectPhase(Side, Side, 7, 1.5);
        return new ArrayData([Side, Side], phase.ToFloats());
    }

    // n = L w: coil i hears i + 1 times as much of its own as the first, and half of its neighbour's.
    private static (ArrayData Noisy, ArrayData Covariance) WithCorrelatedNoise(SimulatedMeasurement clean, double sigma, int seed)
    {
        const int coils = 4;
        var mixing = new double[coils, coils];
        for (int i = 0; i < coils; i++)
        {
            mixing[i, i] = sigma * (i + 1);
            if (i > 0) mixing[i, i - 1] = 0.5 * sigma * i;
        }

        float[] y = [.. clean.Measurement.Values], mask = clean.Files["mask"].Values, covariance = new float[2 * coils * coils];
        var random = new Random(seed);
        int plane = mask.Length;
        for (int at = 0; at < 2 * plane; at++)
        {
            double[] white =
                [.. Enumerable.Range(0, coils)
                    .Select(_ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];
            for (int i = 0; i < coils; i++) y[(2 * plane * i) + at] += (float)(mask[at / 2] * Enumerable.Range(0, coils).Sum(j => mixing[i, j] * white[j]));
        }

        // Of complex samples: both components have it.
        for (int i = 0; i < coils; i++)
            for (int j = 0; j < coils; j++) covariance[2 * ((i * coils) + j)] = (float)(2 * Enumerable.Range(0, coils).Sum(k => mixing[i, k] * mixing[j, k]));
        return (clean.Measurement with { Values = y }, new ArrayData([coils, coils], covariance, IsComplex: true));
    }

    // Share of the image that lies beyond the circle which spokes reach.
    private static double Corners(ArrayData image)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        int side = image.Shape[^1];
        Tensor x = image.ToTensor(torch.CPU), k = Fourier.Centred(torch.complex(x, torch.zeros_like(x)));
        Tensor beyond = torch.copy_of(
            [.. Enumerable.Range(0, side * side)
                .Select(i => double.Hypot((i / side) - (side / 2), (i % side) - (side / 2)) > side / 2 ? 1f : 0f)],
            side, side);
        return (k * beyond).abs().norm().ToDouble() / k.abs().norm().ToDouble();
    }

    private static ArrayData Magnitude(ArrayData complex) =>
        new(
            [1, .. complex.Shape],
            [.. Enumerable.Range(0, complex.Values.Length / 2).Select(i => float.Hypot(complex.Values[2 * i], complex.Values[(2 * i) + 1]))]);

    private static double Error(ArrayData image, ArrayData truth) => Math.Sqrt(
        image.Values.Zip(truth.Values, (a, b) => Math.Pow(a - b, 2)).Sum() / truth.Values.Sum(b => Math.Pow(b, 2)));

    private static double Error(ArrayData complex, ArrayData truth, ArrayData phase) => Math.Sqrt(Enumerable.Range(0, truth.Values.Length).Sum(i =>
        Math.Pow(complex.Values[2 * i] - (truth.Values[i] * Math.Cos(phase.Values[i])), 2)
            + Math.Pow(complex.Values[(2 * i) + 1] - (truth.Values[i] * Math.Sin(phase.Values[i])), 2))
        / truth.Values.Sum(b => Math.Pow(b, 2)));
}
