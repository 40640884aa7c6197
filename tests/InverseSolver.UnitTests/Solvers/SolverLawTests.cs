using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Operators;
using InverseSolver.Solvers.Problems;
using InverseSolver.Solvers.Solvers;
using InverseSolver.Torch;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>What every solver keeps, over the whole list, with its preset <c>fast</c>.</summary>
[LeavesNoTensors]
public sealed class SolverLawTests
{
    private const int Side = 16;
    private const double Sigma = 0.05;

    /// <summary>All solvers.</summary>
    public static TheoryData<string> Solvers => [.. SolverCatalog.All.Select(solver => solver.Type)];

    [Theory]
    [MemberData(nameof(Solvers))]
    public void A_run_gives_the_same_bits_again_and_from_every_saved_state(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using ForwardOperator a = Operator(type, "inpainting");
        Tensor y = Toy.Measure(model, a, Sigma, 2, 5).Y;
        SolverParameters parameters = Fast(type);
        float[] whole = Toy.Run(model, a, y, Sigma, parameters, 3, 4);
        Assert.All(whole, v => Assert.True(float.IsFinite(v)));
        Assert.Equal(whole, Toy.Run(model, a, y, Sigma, parameters, 3, 4));

        // Every step by a new solver, from a state that was saved after the one before.
        SolverState state = New().Start(3, 4);
        int steps = New().Steps;
        for (int step = 0; step < steps; step++)
        {
            SavedState saved = state.Save();
            state.Dispose();
            Assert.Equal(step, saved.Step);
            state = SolverState.Load(saved, torch.CPU);
            New().Advance(state);
        }

        Assert.Equal(whole, state.Image!.ToFloats());
        state.Dispose();

        Solver New() => parameters.Create(new SolverInput(model, a, y, Sigma));
    }

    /// <summary>Those whose items are independent: the frames of a sequence that is solved jointly are not, their low rank is what determines them.</summary>
    public static TheoryData<string> IndependentSolvers => [.. SolverCatalog.All.Where(solver => !solver.Presets["fast"].JointFrames).Select(solver => solver.Type)];

    [Theory]
    [MemberData(nameof(IndependentSolvers))]
    public void An_item_of_a_batch_is_solved_as_if_it_were_alone(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using ForwardOperator a = Operator(type, "blur");
        Tensor y = Toy.Measure(model, a, Sigma, 2, 6).Y;
        float[] both = Toy.Run(model, a, y, Sigma, Fast(type), 3, 4), second = Toy.Run(model, a, y.narrow(0, 1, 1), Sigma, Fast(type), 4);
        Assert.True(both[second.Length..].Zip(second, (p, q) => Math.Abs(p - q)).Max() < 2e-4);
    }

    [Theory]
    [MemberData(nameof(Solvers))]
    public void It_stops_between_calls_when_it_is_cancelled_and_tells_how_far_it_is(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using ForwardOperator a = Operator(type, "inpainting");
        Tensor y = Toy.Measure(model, a, Sigma, 1, 7).Y;
        var told = new List<SolverProgress>();
        Solver whole = Fast(type).Create(new SolverInput(model, a, y, Sigma, told.Add));
        using (SolverState state = whole.Start(1))
        {
            whole.Run(state);
        }

        Assert.Equal(Enumerable.Range(1, whole.Steps), told.Select(p => p.Step));
        Assert.All(told, p => Assert.Equal(whole.Steps, p.Of));
        Assert.NotNull(told[^1].Preview);

        using var cancel = new CancellationTokenSource();
        Solver stopped = Fast(type).Create(new SolverInput(model, a, y, Sigma, _ => cancel.Cancel(), cancel.Token));
        using SolverState half = stopped.Start(1);
        if (stopped.Steps > 1)
        {
            Assert.Throws<OperationCanceledException>(() => stopped.Run(half));
            Assert.Equal(1, half.Step);
        }
    }

    [Theory]
    [MemberData(nameof(Solvers))]
    public void The_image_explains_its_measurement_and_is_nearer_to_the_truth_than_the_start(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (string name in Names(type, "inpainting", "blur", "downsampling", "mri"))
        {
            using ForwardOperator a = Operator(type, name);
            (Tensor truth, Tensor y) = Toy.Measure(model, a, Sigma, 1, 8);
            Tensor x = torch.tensor(Toy.Run(model, a, y, Sigma, Fast(type), 1), 1, 1, Side, Side), start = a is LinearOperator linear ? linear.Adjoint(y) : a.Direct(y);
            double residual = a.Residual2(x, y).ToDoubles()[0], before = a.Residual2(start, y).ToDoubles()[0];
            double expected = a.MeasuredComponents * Sigma * Sigma;
            string report = $"{type} {name}: residual {residual / expected:f2} of the noise, at the start {before / expected:f2}; error {Distance(x, truth):f3}, at the start {Distance(start, truth):f3}";
            Assert.True(residual < Math.Max(3 * expected, 0.5 * before), report);
            Assert.True(Distance(x, truth) < Distance(start, truth), report);
        }
    }

    [Theory]
    [MemberData(nameof(Solvers))]
    public void Without_noise_the_image_explains_its_measurement_exactly(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (string name in Names(type, "inpainting", "downsampling", "mri"))
        {
            using ForwardOperator a = Operator(type, name);
            Tensor y = Toy.Measure(model, a, 0, 1, 9).Y;
            Tensor x = torch.tensor(Toy.Run(model, a, y, 0, Fast(type), 1), 1, 1, Side, Side);
            double relative = Math.Sqrt(a.Residual2(x, y).ToDoubles()[0] / LinearOperator.SquaresPerItem(y).ToDoubles()[0]);
            Assert.True(relative < 1e-4, $"{type} {name}: {relative:e2}");
        }
    }

    [Theory]
    [MemberData(nameof(Solvers))]
    public void A_problem_is_solved_or_refused_by_name_whatever_problem_and_model_it_is(string type)
    {
        using var model = new GaussianModel((fy, fx) => 0.25 / (1 + (40 * ((fy * fy) + (fx * fx)))), schedule: NoiseSchedule.Linear(1e-3, 0.3, steps: 25));
        var image = new ArrayData([1, Side, Side], [.. Enumerable.Range(0, Side * Side).Select(i => 0.5f + 0.3f * MathF.Sin(i % Side) * MathF.Cos(i / Side))]);
        foreach (Problem problem in (Problem[])[new Denoising(), new CartesianMri(new EquispacedKSpaceMask(2, 0.2)), new HighDynamicRange(), new ComputedTomography(9), new CodedDiffraction()])
        {
            foreach (int steps in (int[])[3, 26])
            {
                JsonObject settings = SolverCatalog.ToJson(Fast(type)).ContainsKey("steps") ? new() { ["steps"] = steps } : [];
                var request = new ReconstructionRequest
                {
                    Problem = problem,
                    Measurement = Reconstruction.Simulate(problem, image, new Dictionary<string, ArrayData>(), Sigma, 1).Measurement,
                    Sigma = Sigma,
                    Solver = SolverCatalog.Resolve(type, "fast", settings),
                    Seed = 1,
                };
                try
                {
                    Reconstruction.Validate(model, request);
                }
                catch (InvalidInputException refused)
                {
                    Assert.Contains(refused.Field, new[] { "solver.type", "solver.parameters.steps", "solver.parameters.rounds", "solver.parameters.firstTime" });
                    continue;
                }

                // What was accepted runs.
                Assert.Equal(image.Shape, Reconstruction.Run(model, request, null, default).Image.Shape);
            }
        }
    }

    // Solvers of sequences solve coded diffraction alone.
    private static ForwardOperator Operator(string type, string name) =>
        Fast(type).JointFrames ? new CodedDiffractionOperator(1, Side, Side, 4, 1, torch.CPU) : Toy.Operators[name](Side);

    private static string[] Names(string type, params string[] names) => Fast(type).JointFrames ? ["coded diffraction"] : names;

    private static SolverParameters Fast(string type) => SolverCatalog.Resolve(type, "fast", null);

    private static double Distance(Tensor x, Tensor truth) => (x - truth).norm().ToDouble();
}
