using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Diffusion.Weights;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The preset <c>paper</c> beside the authors' own loop, recorded call by call on the bundled model (golden/README.md).</summary>
[LeavesNoTensors]
public sealed class TrajectoryTests(ITestOutputHelper output)
{
    private const int Steps = 40;
    private const double Tolerance = 1e-4, OptimiserTolerance = 1e-2;

    // Of latents between 4 and 8.
    private const double Ulp = 4.8e-7;

    private static readonly ReSampleParameters Paper = ReSampleParameters.Paper with { Steps = Steps };

    [Theory]
    [InlineData("inpaint70"), InlineData("sr4avg")]
    public void Every_step_between_the_optimisations_follows_from_its_recorded_inputs(string problem)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using var recording = new Recording(problem);
        ReSample solver = recording.Solver();
        using SolverState state = solver.Start(1);
        var grid = new DdimSchedule(recording.Model, Steps, reference: true);
        var worst = new SortedDictionary<string, double>(StringComparer.Ordinal);
        Call[] calls = [.. recording.Calls.Where(call => !call.Kind.StartsWith("randn", StringComparison.Ordinal))];
        int index = Steps;
        for (int c = 0; c < calls.Length; c++)
        {
            Call call = calls[c];
            switch (call.Kind)
            {
                case "p_sample_ddim":
                    (Tensor next, Tensor clean) = solver.Ddim(call["x"], grid[(int)call.Number("index")] with { Timestep = (int)call.Number("t") }, state);
                    Compare("DDIM, next latent", next, call["z_next"]);
                    Compare("DDIM, clean estimate", clean, call["pseudo_x0"]);
                    if (calls[c + 1].Kind == "ldps")
                    {
                        // A step of the loop itself, in the order and at the timesteps of ours.
                        Assert.Equal(--index, (int)call.Number("index"));
                        Assert.Equal(grid[index].Timestep, (int)call.Number("t"));
                    }
                    else if (calls[c - 1].Kind == "ldps")
                    {
                        Assert.True(solver.IsEvent(index));
                        Tensor travelled = solver.TimeTravel(call["x"], torch.zeros_like(call["x"]), grid[index], state);
                        Compare("time travel", travelled, calls.Skip(c).TakeWhile(next => next.Kind == call.Kind).Last()["pseudo_x0"]);
                    }

                    break;
                case "ldps":
                    // The recorded x_t is the one that the step had changed in place.
                    Tensor before = calls[c - 1]["z_next"];
                    (Tensor z, Tensor image) = solver.LatentDps(before, call["x_0_hat"], grid[index]);
                    Compare("Latent-DPS", z, call["z"]);
                    Compare("Latent-DPS, clean estimate", call["x_0_hat"], calls[c - 1]["pseudo_x0"]);
                    double step = (call["z"] - before).abs().max().ToDouble(), error = (z - call["z"]).abs().max().ToDouble();
                    Add("Latent-DPS, of the step alone", Math.Max(0, error - Ulp) / step);
                    Add("Latent-DPS, norm", Math.Abs(2 * Math.Sqrt(recording.Residual2(image)) / call.Number("norm") - 1));
                    break;
                case "stochastic_resample":
                    (double sigma, _, _) = solver.Resampling(grid[index]);
                    Assert.Equal(1, sigma / call.Number("sigma"), Tolerance);
                    Assert.Equal(1, grid[index].AlphaCumprodPrev / call.Number("a_t"), Tolerance);
                    state.Noise = _ => recording.NoiseBefore(call);
                    Compare("resampling", solver.StochasticResample(call["pseudo_x0"], call["x_t"], grid[index], state), call["z"]);
                    break;
                case "pixel_optimization":
                    Assert.True(solver.IsPixelEvent(index));
                    Compare("decoder", solver.Model.Decode(calls[c - 1]["pseudo_x0"]) * 2 - 1, call["x_prime"]);
                    Compare("encoder", solver.Model.Encode((call["x"] + 1) / 2), calls[c + 1]["pseudo_x0"]);
                    break;
                case "latent_optimization":
                    Assert.True(index == 0 || !solver.IsPixelEvent(index));
                    break;
                default:
                    Assert.Fail(call.Kind);
                    break;
            }
        }

        Assert.Equal(0, index);
        Assert.Equal(Enumerable.Range(0, Steps).Count(solver.IsEvent), calls.Count(call => call.Kind == "stochastic_resample"));
        foreach ((string what, double error) in worst)
        {
            output.WriteLine($"{problem}, {what}: {error:0.0e+0}");
        }

        Assert.All(worst, one => Assert.True(one.Value <= Tolerance, $"{one.Key}: {one.Value:e1}"));

        void Compare(string what, Tensor ours, Tensor theirs) => Add(what, Relative(ours, theirs));

        void Add(string what, double error) => worst[what] = Math.Max(worst.GetValueOrDefault(what), error);
    }

    [Theory]
    [InlineData("inpaint70"), InlineData("sr4avg")]
    public void The_image_s_optimisation_reaches_the_recorded_loss_and_image(string problem)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using var recording = new Recording(problem);
        foreach (Call call in recording.Calls.Where(call => call.Kind == "pixel_optimization"))
        {
            Tensor before = (call["x_prime"] + 1) / 2, x = recording.Solver().PixelOptimization(before, 0);
            Optimised(problem, call, (recording.Loss(before), recording.Loss(x), recording.Loss((call["x"] + 1) / 2)), Relative(x * 2 - 1, call["x"]));
        }
    }

    /// <remarks>Up to 500 decoder gradients a call.</remarks>
    [Theory]
    [InlineData("inpaint70", 0), InlineData("inpaint70", 1), InlineData("sr4avg", 0), InlineData("sr4avg", 1)]
    public void The_latent_s_optimisation_reaches_the_recorded_loss_and_latent(string problem, int at)
    {
        SkipUnlessAsked();
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using var recording = new Recording(problem);
        Call call = recording.Calls.Where(call => call.Kind == "latent_optimization").ElementAt(at);
        ReSample solver = recording.Solver();
        Tensor z = solver.LatentOptimization(call["z_init"], Paper.LatentIterations);
        Optimised(problem, call, (Loss(call["z_init"]), Loss(z), Loss(call["z"])), Relative(z, call["z"]));

        double Loss(Tensor latent) => recording.Loss(solver.Model.Decode(latent));
    }

    [Theory]
    [InlineData("inpaint70", 22.482), InlineData("sr4avg", 18.702)]
    public void The_whole_run_with_the_recorded_noise_ends_at_the_recorded_quality(string problem, double recorded)
    {
        SkipUnlessAsked();
        using DisposeScope scope = torch.NewDisposeScope();
        using var recording = new Recording(problem);
        ReSample solver = recording.Solver();
        using SolverState state = solver.Start(1);
        state.Latent = recording["000.randn.noise"].clone();
        var noise = new Queue<Tensor>(recording.Calls.Where(call => call.Kind == "randn_like").Select(call => call["noise"]));
        state.Noise = _ => noise.Dequeue();
        Tensor image = solver.Run(state);
        Assert.Empty(noise);
        double psnr = recording.Psnr(image), theirs = recording.Psnr((recording["image"] + 1) / 2);
        output.WriteLine(
            $"{problem}: {psnr:f3} dB, recorded {theirs:f3} dB; "
            + $"the images differ by {Relative(image * 2 - 1, recording["image"]):0.0e+0}; {solver.Calls.DecoderGradient} decoder gradients");
        Assert.Equal(recorded, theirs, 0.001);
        Assert.Equal(recorded, psnr, 0.3);
    }

    private void Optimised(string problem, Call call, (double Start, double Ours, double Theirs) loss, double difference)
    {
        output.WriteLine(
            $"{problem}, {call.Key} {call.Kind}: loss {loss.Start:e3} -> {loss.Ours:e3}, recorded {loss.Theirs:e3}; "
            + $"the results differ by {difference:0.0e+0}");
        Assert.Equal(1, loss.Ours / loss.Theirs, OptimiserTolerance);
        Assert.True(difference <= OptimiserTolerance, $"{difference:e1}");
    }

    private static void SkipUnlessAsked() =>
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("INVERSESOLVER_TRAJECTORY") is { Length: > 0 },
            "It takes minutes; INVERSESOLVER_TRAJECTORY=1 asks for it.");

    // max |a-b| / max |b|.
    private static double Relative(Tensor a, Tensor b) => (a - b).abs().max().ToDouble() / b.abs().max().ToDouble();

    private sealed record Call(string Key, string Kind, IReadOnlyDictionary<string, Tensor> Fields)
    {
        public Tensor this[string field] => Fields[field];

        public double Number(string field) => Fields[field].reshape(1).to(ScalarType.Float64).ToDouble();
    }

    /// <summary>One recorded run. Images and y are on [-1,1] there, on [0,1] here: norms are half, squares a quarter as large.</summary>
    private sealed class Recording : IDisposable
    {
        private readonly Dictionary<string, Tensor> _tensors = [];
        private readonly LinearOperator _a;
        private readonly Tensor _y;

        public Recording(string problem)
        {
            using SafetensorsFile file = SafetensorsFile.Open(TestData.Golden(Path.Combine("resample-trajectory", problem + ".safetensors")));
            foreach (string name in file.Entries.Keys)
            {
                _tensors[name] = file.Read(name);
            }

            Calls = [.. _tensors.Keys.Select(name => name.Split('.')).Where(parts => parts.Length == 3)
                .GroupBy(parts => parts[0])
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => new Call(group.Key, group.First()[1], group.ToDictionary(parts => parts[2], parts => _tensors[string.Join('.', parts)])))];
            Model = ModelPackage.Load(TestData.Brain);
            _a = problem == "inpaint70"
                ? new MaskOperator(1, 128, 128, Array.ConvertAll(this["mask"].ToFloats(), v => v > 0.5f), torch.CPU)
                : SeparableOperator.Downsampling(1, 128, 128, 4, DownsamplingKernel.Average, torch.CPU);
            _y = (this["y"] + _a.Apply(torch.ones_like(this["truth"]))) / 2;
        }

        public LatentModel Model { get; }

        public Call[] Calls { get; }

        public Tensor this[string name] => _tensors[name];

        public ReSample Solver() => new(new SolverInput(Model, _a, _y, 0.02 / 2), Paper);

        // The authors' y has noise where nothing was measured, and their residuals count it.
        public double Residual2(Tensor image) => (_a.Apply(image) - _y).square().sum().ToDouble();

        public double Loss(Tensor image) => 4 * _a.Residual2(image, _y).ToDoubles()[0] / _y.numel();

        public Tensor NoiseBefore(Call call) => Calls.Last(other => other.Kind == "randn_like" && string.CompareOrdinal(other.Key, call.Key) < 0)["noise"];

        public double Psnr(Tensor image) => ImageQuality.Psnr(image.clamp(0, 1).ToArrayData(), ((this["truth"] + 1) / 2).ToArrayData());

        public void Dispose()
        {
            Model.Dispose();
            _a.Dispose();
        }
    }
}
