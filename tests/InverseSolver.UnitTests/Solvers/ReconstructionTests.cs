using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The one door to the solvers.</summary>
[LeavesNoTensors]
public sealed class ReconstructionTests
{
    private const double Sigma = 0.05;
    private static readonly Inpainting Problem = new(new RandomMask(0.6, 3));
    private static readonly ReSampleParameters Quick = ReSampleParameters.Fast with { Samples = 1, Steps = 5 };

    [Fact]
    public void Several_samples_are_the_mean_and_the_deviation_of_runs_with_their_own_seeds()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        ReconstructionRequest request = Request();
        ReSampleParameters parameters = Quick with { Samples = 3 };
        ReconstructionResult all = Reconstructor.Run(model, request with { Solver = parameters }, null, default);

        // The same batch: in another one, rounding differs and a few steps enlarge it.
        using ForwardOperator a = ProblemOperators.Create(request.Problem, [1, 64, 64], request.Files, request.Measurement, torch.CPU);
        Tensor y = request.Measurement.ToTensor(torch.CPU);
        var solver = new ReSample(new SolverInput(model, a, torch.cat([y, y, y]), Sigma), parameters);
        using SolverState state = solver.Start([.. Enumerable.Range(0, 3).Select(k => unchecked(request.Seed + k * (long)0x9E3779B97F4A7C15))]);
        float[] samples = solver.Run(state).ToFloats();
        for (int i = 0; i < 64 * 64; i++)
        {
            double[] single = [samples[i], samples[4096 + i], samples[8192 + i]];
            double mean = single.Average(), deviation = Math.Sqrt(single.Sum(v => Math.Pow(v - mean, 2)) / 2);
            Assert.Equal(mean, all.Image.Values[i], 1e-6);
            Assert.Equal(deviation, all.Deviation!.Values[i], 1e-6);
        }

        Assert.Equal(3, all.Batch);
        Assert.Equal([1, 64, 64], all.Image.Shape);
        Assert.Equal([1, 64, 64], all.Deviation!.Shape);
        Assert.True(all.Deviation.Values.Average() > 5e-3);
    }

    [Fact]
    public void A_model_that_needs_a_text_and_has_none_is_refused_before_anything_is_computed()
    {
        string folder = TestData.Copy(TestData.Golden("autoencoder-kl"));
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "vae"));
            Directory.CreateDirectory(Path.Combine(folder, "scheduler"));
            foreach (string file in Directory.GetFiles(folder))
            {
                File.Move(file, Path.Combine(folder, "vae", Path.GetFileName(file)));
            }

            Directory.Move(TestData.Copy(TestData.Golden("unet2d-condition-sd1")), Path.Combine(folder, "unet"));
            File.WriteAllText(Path.Combine(folder, "scheduler", "scheduler_config.json"), """{"_class_name":"DDIMScheduler"}""");
            using LatentModel model = ModelPackage.Load(folder);
            Assert.NotNull(model.Info.ContextChannels);
            var e = Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, Request()));
            Assert.Equal("model", e.Field);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void More_steps_than_the_model_has_timesteps_are_refused()
    {
        using var model = new GaussianModel((_, _) => 0.1, schedule: NoiseSchedule.Linear(steps: 100));
        ReconstructionRequest request = Request();
        Reconstructor.Check(model.Info, request with { Solver = Quick with { Steps = 100 } });
        var e = Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, request with { Solver = Quick with { Steps = 101 } }));
        Assert.Equal("solver.parameters.steps", e.Field);
    }

    [Theory]
    [InlineData("inpainting"), InlineData("blur"), InlineData("downsampling"), InlineData("mri")]
    public void Without_noise_the_image_explains_its_measurement_exactly(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators[name](16);
        Tensor y = Toy.Measure(model, a, 0, 1, 4).Y;
        Tensor x = torch.copy_of(Toy.Run(model, a, y, 0, Quick, 1), 1, 1, 16, 16);
        double relative = Math.Sqrt(a.Residual2(x, y).ToDoubles()[0] / LinearOperator.SquaresPerItem(y).ToDoubles()[0]);
        // What A shrinks to less than a thousandth (LinearOperator.RelativeCutoff) stays as it is.
        Assert.True(relative < 1e-4, $"{relative:e2}");
    }

    [Fact]
    public void Samples_of_a_large_image_are_solved_in_groups_and_reported_as_one_run()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        var request = new ReconstructionRequest
        {
            Problem = new Denoising(),
            Measurement = new ArrayData([1, 384, 384], [.. Enumerable.Repeat(0.5f, 384 * 384)]),
            Sigma = 0.1,
            Solver = Quick with { Samples = 3, Steps = 1 },
            Seed = 1,
        };
        var steps = new List<SolverProgress>();
        ReconstructionResult result = Reconstructor.Run(model, request, steps.Add, default);
        Assert.Equal(1, result.Batch);
        Assert.Equal(3, result.Cost.NetworkCalls);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], steps.Select(step => step.Step));
        Assert.All(steps, step => Assert.Equal(6, step.Of));
        Assert.True(result.Deviation!.Values.Max() > 0);
    }

    [Fact]
    public void The_report_is_what_anybody_would_compute_from_the_image()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        ReconstructionRequest request = Request();
        var steps = new List<SolverProgress>();
        ReconstructionResult result = Reconstructor.Run(model, request, steps.Add, default);
        Assert.Null(result.Deviation);
        Assert.Equal(7, steps.Count);
        Assert.Equal(("direct", 0), (steps[0].Stage, steps[0].Step));
        bool[] mask = Masks.Random(64, 64, 0.6, 3);
        Assert.Equal(request.Measurement.Values.Select((v, i) => mask[i] ? v : 0), steps[0].Preview!.Values);
        double[] image = [.. result.Image.Values.Select(v => (double)v)], y = [.. request.Measurement.Values.Select(v => (double)v)];
        long m = mask.LongCount(measured => measured);
        double residual = Enumerable.Range(0, image.Length).Where(i => mask[i]).Sum(i => Math.Pow(image[i] - y[i], 2));
        Assert.Equal(m, result.Consistency.MeasuredComponents);
        Assert.Equal(residual, result.Consistency.Residual, 1e-3 * residual);
        Assert.Equal(m * Sigma * Sigma, result.Consistency.Expected, 1e-9);
        Assert.Equal(residual / (m * Sigma * Sigma), result.Consistency.Ratio!.Value, 1e-3);
        Assert.Equal(Math.Sqrt(residual / Enumerable.Range(0, y.Length).Where(i => mask[i]).Sum(i => y[i] * y[i])), result.Consistency.RelativeResidual, 1e-4);
        double unseen = Enumerable.Range(0, image.Length).Where(i => !mask[i]).Sum(i => image[i] * image[i]);
        Assert.Equal(unseen / image.Sum(v => v * v), result.Consistency.PriorShare!.Value, 1e-4);

        var clipped = new ArrayData([1, 64, 64], [.. result.Image.Values.Select(v => Math.Clamp(v, 0f, 1f))]);
        Assert.Equal(ImageQuality.Psnr(clipped, request.Truth!), result.Quality!.PsnrDb, 6);
        Assert.Equal(ImageQuality.Ssim(clipped, request.Truth!), result.Quality.Ssim, 6);
        Assert.Equal(ImageQuality.Nmse(clipped, request.Truth!), result.Quality.Nmse, 6);

        // The image itself is not clipped, and here that makes a difference.
        Assert.Contains(result.Image.Values, v => v is < 0 or > 1);
        Assert.True(result.Quality.PsnrDb - ImageQuality.Psnr(result.Image, request.Truth!) > 1e-3);
        Assert.Equal(5, result.Cost.NetworkCalls);
        Assert.True(result.Cost.Seconds > 0);
    }

    [Fact]
    public void Without_a_truth_there_is_no_quality_and_without_noise_no_ratio()
    {
        using GaussianModel model = Toy.Gaussian();
        ReconstructionResult result = Reconstructor.Run(model, Request() with { Truth = null, Sigma = 0 }, null, default);
        Assert.Null(result.Quality);
        Assert.Null(result.Consistency.Ratio);
    }

    [Theory]
    [InlineData(double.NaN), InlineData(double.PositiveInfinity), InlineData(-0.01)]
    public void A_noise_level_that_is_none_is_named(double sigma) => Refused(Request() with { Sigma = sigma }, "sigma");

    [Fact]
    public void A_measurement_of_other_channels_than_the_model_s_is_named()
    {
        var colour = new ArrayData([3, 64, 64], [.. Enumerable.Range(0, 3 * 64 * 64).Select(i => i / (64 * 64) / 2f)]);
        Refused(Request() with { Measurement = colour, Truth = null }, "files.measurement");
    }

    [Fact]
    public void A_truth_of_another_shape_is_named()
    {
        Refused(Request() with { Truth = Toy.Phantom(32) }, "files.truth");
        Refused(Request() with { Truth = new ArrayData([64, 64], Toy.Phantom(64).Values) }, "files.truth");
    }

    [Fact]
    public void Parameters_out_of_their_ranges_are_named()
    {
        Refused(Request() with { Solver = Quick with { Steps = 0 } }, "solver.parameters.steps");
        Refused(Request() with { Solver = Quick with { Samples = 33 } }, "solver.parameters.samples");
        Refused(Request() with { Solver = Quick with { Gamma = double.NaN } }, "solver.parameters.gamma");
    }

    [Fact]
    public void A_measurement_that_is_not_finite_is_named()
    {
        ArrayData good = Request().Measurement;
        int measured = Array.IndexOf(Masks.Random(64, 64, 0.6, 3), true);
        float[] values = [.. good.Values];
        values[measured] = float.NaN;
        Refused(Request() with { Measurement = good with { Values = values } }, "files.measurement");
    }

    [Fact]
    public void A_cancelled_reconstruction_leaves_no_tensors()
    {
        using GaussianModel model = Toy.Gaussian();
        using var cancel = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Reconstructor.Run(model, Request(), p =>
        {
            if (p.Step == 2)
            {
                cancel.Cancel();
            }
        }, cancel.Token));
    }

    private static void Refused(ReconstructionRequest request, string field)
    {
        using GaussianModel model = Toy.Gaussian();
        Assert.Equal(field, Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, request)).Field);
        Assert.Equal(field, Assert.Throws<InvalidInputException>(() => Reconstructor.Run(model, request, null, default)).Field);
    }

    private static ReconstructionRequest Request()
    {
        ArrayData truth = Toy.Phantom(64);
        return new ReconstructionRequest
        {
            Problem = Problem,
            Measurement = Reconstructor.Simulate(Problem, truth, new Dictionary<string, ArrayData>(), Sigma, 11).Measurement,
            Sigma = Sigma,
            Solver = Quick,
            Seed = 42,
            Truth = truth,
        };
    }
}
