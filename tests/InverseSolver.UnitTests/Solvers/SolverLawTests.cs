using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>What every solver keeps, over the whole list, with its preset <c>fast</c>.</summary>
[LeavesNoTensors]
public sealed class SolverLawTests
{
    private const int Side = 16;
    private const double Sigma = 0.05;

    // Parameters that a short run on a small linear problem cannot show.
    private static readonly HashSet<(string Type, string Preset, string Name)> Unseen =
    [
        .. from preset in (string[])["paper", "paperFast"]
           from parameter in ((string, string)[])
           [
               ("diffPir", "priorStandardDeviation"),       // where A is not linear
               ("reSample", "window"),                      // no loss rises
               ("reSample", "discrepancyFactor"),           // 20 iterations do not come near the noise
           ]
           select (parameter.Item1, preset, parameter.Item2),
        ("tspr", "paper", "flowSteps"),                     // of rank 1 over the frames, whose scale is free
        ("tspr", "paper", "flowRate"),
        .. from preset in (string[])["paper", "balanced", "fast"]
           from type in (string[])["leastSquares", "totalVariation"]
           select (type, preset, "iterations"),             // their tolerance is reached before
        .. from preset in (string[])["paper", "balanced", "fast"]
           from rank in (string[])["rowRank", "columnRank", "frameRank"]
           select ("tspr", preset, rank),                   // 4 frames of 16 x 16 bound them
    ];

    /// <summary>All presets of all solvers.</summary>
    public static TheoryData<string, string> Presets => [.. SolverCatalog.All.SelectMany(s => s.Presets.Keys.Select(p => (s.Type, p)))];

    /// <summary>All solvers.</summary>
    public static TheoryData<string> Solvers => [.. SolverCatalog.All.Select(solver => solver.Type)];

    /// <summary>All that call a network.</summary>
    public static TheoryData<string> NetworkSolvers =>
        [.. SolverCatalog.All.Where(solver => solver.Presets["fast"] is DiffusionParameters).Select(solver => solver.Type)];

    /// <summary>
    /// All but the adjoint, which solves nothing: it is the start that the others are compared with, and its A Aᵀ y is y for few operators only.
    /// </summary>
    public static TheoryData<string> SolversOfTheProblem => [.. SolverCatalog.All.Select(solver => solver.Type).Where(type => type != "adjoint")];

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
            byte[] saved = state.Saved();
            state.Dispose();
            state = Toy.Restored(saved);
            Assert.Equal(step, state.Step);
            New().Advance(state);
        }

        Assert.Equal(whole, state.Image!.ToFloats());
        state.Dispose();

        Solver New() => parameters.Create(new SolverInput(model, a, y, Sigma));
    }

    /// <remarks>
    /// The other one takes gradients through all networks, so that either would show in the other if a step left its grad mode or its scope behind.
    /// </remarks>
    [Theory]
    [MemberData(nameof(Solvers))]
    public void Two_runs_that_take_turns_on_one_thread_give_the_bits_of_each_alone(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using ForwardOperator a = Operator(type, "inpainting");
        using LinearOperator b = Toy.Operators["inpainting"](Side);
        Tensor y = Toy.Measure(model, a, Sigma, 2, 5).Y, other = Toy.Measure(model, b, Sigma, 1, 6).Y;
        float[] first = Toy.Run(model, a, y, Sigma, Fast(type), 3, 4), second = Toy.Run(model, b, other, Sigma, Fast("psld"), 7);

        Solver one = Fast(type).Create(new SolverInput(model, a, y, Sigma)), two = Fast("psld").Create(new SolverInput(model, b, other, Sigma));
        using SolverState states = one.Start(3, 4), state = two.Start(7);
        using (IEnumerator<int> mine = one.Checkpoints(states).GetEnumerator(), theirs = two.Checkpoints(state).GetEnumerator())
        {
            while (mine.MoveNext() | theirs.MoveNext())
            {
                Assert.True(torch.is_grad_enabled());
            }
        }

        Assert.Equal(first, states.Image!.ToFloats());
        Assert.Equal(second, state.Image!.ToFloats());
    }

    [Theory]
    [MemberData(nameof(Solvers))]
    public void Between_two_steps_no_tensors_live_but_those_of_the_state(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using ForwardOperator a = Operator(type, "inpainting");
        Tensor y = Toy.Measure(model, a, Sigma, 1, 5).Y;
        Solver solver = Fast(type).Create(new SolverInput(model, a, y, Sigma));
        using SolverState state = solver.Start(3);
        var others = new List<long>();
        foreach (int step in solver.Checkpoints(state))
        {
            Assert.Equal(step, state.Step);
            others.Add(Tensor.TotalCount - state.Tensors.Count);
        }

        // What a run makes once, for instance a transform, it makes in its first step.
        Assert.All(others, count => Assert.Equal(others[0], count));
    }

    /// <summary>Those whose items are independent: the frames of a sequence that is solved jointly are not, their low rank is what determines them.</summary>
    public static TheoryData<string> IndependentSolvers =>
        [.. SolverCatalog.All.Where(solver => !solver.Presets["fast"].JointFrames).Select(solver => solver.Type)];

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
    [MemberData(nameof(NetworkSolvers))]
    public void Cancelled_during_any_call_it_makes_no_other_call_and_leaves_no_tensors(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators["mri"](Side);
        Tensor y = Toy.Measure(model, a, Sigma, 2, 7).Y;
        int all = Calls(int.MaxValue);
        Assert.True(all > 10);
        foreach (int k in (int[])[1, 2, 3, all / 3, all / 2, all - 1])
        {
            long before = Tensor.TotalCount;
            Assert.Equal(k, Calls(k));
            Assert.Equal(before, Tensor.TotalCount);
        }

        // The calls of a run that is cancelled during call k.
        int Calls(int k)
        {
            using var cancel = new CancellationTokenSource();
            using var tapped = new TappedModel(model, call =>
            {
                if (call == k)
                {
                    cancel.Cancel();
                }
            });
            Solver solver = Fast(type).Create(new SolverInput(tapped, a, y, Sigma, null, cancel.Token));
            SolverState? state = null;
            try
            {
                if (k == int.MaxValue)
                {
                    solver.Run(state = solver.Start(1, 2));
                }
                else
                {
                    Assert.Throws<OperationCanceledException>(() => solver.Run(state = solver.Start(1, 2)));
                }
            }
            finally
            {
                state?.Dispose();
            }

            return tapped.Calls;
        }
    }

    [Theory]
    [MemberData(nameof(SolversOfTheProblem))]
    public void The_image_is_better_than_the_one_that_the_run_starts_from(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (string name in Names(type, "inpainting", "blur", "downsampling", "mri"))
        {
            using ForwardOperator a = Operator(type, name);
            (Tensor truth, Tensor y) = Toy.Measure(model, a, Sigma, 1, 8);
            Solver solver = Fast(type).Create(new SolverInput(model, a, y, Sigma));
            using SolverState state = solver.Start(1);
            using SolverState first = Toy.Restored(state.Saved());
            Tensor start = first.Tensors.TryGetValue("latent", out Tensor? z) ? (z + 1) / 2
                : first.Tensors.GetValueOrDefault("x") ?? torch.full([1, 1, Side, Side], 0.5);
            Tensor x = solver.Run(state);

            double from = Psnr(start, truth), to = Psnr(x, truth);
            double residual = a.Residual2(x, y).ToDoubles()[0], before = a.Residual2(start, y).ToDoubles()[0], expected = a.MeasuredComponents * Sigma * Sigma;
            string report = $"{type} {name}: {from:f1} -> {to:f1} dB; residual {before / expected:f2} -> {residual / expected:f2} of the noise";
            Assert.True(to > from, report);
            Assert.True(residual < before || residual < expected, report);
        }
    }

    /// <remarks>
    /// A parameter is moved to another value: either it is refused because others switch off what it belongs to, and then it changes no bit, or it changes the
    /// image. So no parameter is dead, and none is refused that does something.
    /// </remarks>
    [Theory]
    [MemberData(nameof(Presets))]
    public void Every_parameter_changes_the_image_or_is_refused_as_one_without_effect(string type, string preset)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        // Without a network there is nothing to iterate on where A Aᵀ is a multiple of 1.
        using ForwardOperator a = SolverCatalog.Resolve(type, preset, null) is DiffusionParameters ? Toy.Operators["mri"](8) : Operator(type, "blur");
        long[] seeds = Fast(type).JointFrames ? [3, 4, 5, 6] : [3];
        Tensor y = Toy.Measure(model, a, Sigma, seeds.Length, 5).Y;
        SolverParameters parameters = SolverCatalog.Resolve(type, preset, Short(type, preset));
        JsonObject own = SolverCatalog.ToJson(parameters);
        float[] image = Toy.Run(model, a, y, Sigma, parameters, seeds);
        string[] dead = [.. parameters.WithoutEffect().Select(JsonNamingPolicy.CamelCase.ConvertName)];
        Assert.All(dead, name => Assert.True(own.ContainsKey(name), name));
        foreach (PropertyInfo property in parameters.GetType().GetProperties())
        {
            string name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            if (name == "samples" || Unseen.Contains((type, preset, name)))
            {
                continue;
            }

            SolverParameters[] moved = [.. Others(property, property.GetValue(parameters)).Select(With)];
            bool same = moved.All(other => image.SequenceEqual(Toy.Run(model, a, y, Sigma, other, seeds)));
            Assert.True(
                same == dead.Contains(name),
                $"{type} {preset}: {name} {(same ? "changes nothing, but is taken" : "changes the image, but is refused")}");
            if (same)
            {
                JsonObject asked = new() { [name] = SolverCatalog.ToJson(moved[0])[name]?.DeepClone() };
                Assert.Equal($"solver.parameters.{name}", Assert.Throws<InvalidInputException>(() => SolverCatalog.Resolve(type, preset, asked)).Field);
            }

            SolverParameters With(object? other)
            {
                SolverParameters copy = parameters with { };
                property.SetValue(copy, other);
                return copy;
            }
        }
    }

    [Theory]
    [MemberData(nameof(SolversOfTheProblem))]
    public void The_image_explains_its_measurement_and_is_nearer_to_the_truth_than_the_start(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (string name in Names(type, "inpainting", "blur", "downsampling", "mri"))
        {
            using ForwardOperator a = Operator(type, name);
            (Tensor truth, Tensor y) = Toy.Measure(model, a, Sigma, 1, 8);
            Tensor x = torch.copy_of(Toy.Run(model, a, y, Sigma, Fast(type), 1), 1, 1, Side, Side),
                start = a is LinearOperator linear ? linear.Adjoint(y) : a.Direct(y);
            double residual = a.Residual2(x, y).ToDoubles()[0], before = a.Residual2(start, y).ToDoubles()[0];
            double expected = a.MeasuredComponents * Sigma * Sigma;
            string report =
                $"{type} {name}: residual {residual / expected:f2} of the noise, at the start {before / expected:f2}; "
                + $"error {Distance(x, truth):f3}, at the start {Distance(start, truth):f3}";
            Assert.True(residual < Math.Max(3 * expected, 0.5 * before), report);
            Assert.True(Distance(x, truth) < Distance(start, truth), report);
        }
    }

    [Theory]
    [MemberData(nameof(SolversOfTheProblem))]
    public void Without_noise_the_image_explains_its_measurement_exactly(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (string name in Names(type, "inpainting", "downsampling", "mri"))
        {
            using ForwardOperator a = Operator(type, name);
            Tensor y = Toy.Measure(model, a, 0, 1, 9).Y;
            Tensor x = torch.copy_of(Toy.Run(model, a, y, 0, Fast(type), 1), 1, 1, Side, Side);
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
        foreach (Problem problem in (Problem[])
            [
                new Denoising(), new CartesianMri(new EquispacedKSpaceMask(2, 0.2)),
                new HighDynamicRange(), new ComputedTomography(9), new CodedDiffraction(),
            ])
        {
            foreach (int steps in (int[])[3, 26])
            {
                JsonObject settings = SolverCatalog.ToJson(Fast(type)).ContainsKey("steps") ? new() { ["steps"] = steps } : [];
                var request = new ReconstructionRequest
                {
                    Problem = problem,
                    Measurement = Reconstructor.Simulate(problem, image, new Dictionary<string, ArrayData>(), Sigma, 1).Measurement,
                    Sigma = Sigma,
                    Solver = SolverCatalog.Resolve(type, "fast", settings),
                    Seed = 1,
                };
                try
                {
                    Reconstructor.Check(model.Info, request);
                }
                catch (InvalidInputException refused)
                {
                    Assert.Contains(
                        refused.Field,
                        new[] { "solver.type", "solver.parameters.steps", "solver.parameters.rounds", "solver.parameters.firstTime" });
                    continue;
                }

                // What was accepted runs.
                Assert.Equal(image.Shape, Reconstructor.Run(model, request, null, default).Image.Shape);
            }
        }
    }

    // Solvers of sequences solve coded diffraction alone.
    private static ForwardOperator Operator(string type, string name) =>
        Fast(type).JointFrames ? new CodedDiffractionOperator(1, Side, Side, 4, 1, torch.CPU) : Toy.Operators[name](Side);

    private static string[] Names(string type, params string[] names) => Fast(type).JointFrames ? ["coded diffraction"] : names;

    private static SolverParameters Fast(string type) => SolverCatalog.Resolve(type, "fast", null);

    // A run of a second at most: few steps, few iterations.
    internal static JsonObject Short(string type, string preset)
    {
        SolverParameters whole = SolverCatalog.Resolve(type, preset, null);
        JsonObject own = SolverCatalog.ToJson(whole), settings = [];
        string[] dead = [.. whole.WithoutEffect().Select(JsonNamingPolicy.CamelCase.ConvertName)];
        foreach ((string name, int most) in (ReadOnlySpan<(string, int)>)
            [
                ("steps", 10), ("rounds", 6), ("pixelIterations", 20),
                ("latentIterations", 20), ("finalLatentIterations", 20), ("iterations", 60),
                ("hmcSteps", 5), ("consistencyEvery", 2), ("window", 5),
            ])
        {
            if (!dead.Contains(name) && own.TryGetPropertyValue(name, out JsonNode? value) && ((int?)value ?? int.MaxValue) > most)
            {
                settings[name] = most;
            }
        }

        return settings;
    }

    // Other values of a property within its range.
    private static IEnumerable<object?> Others(PropertyInfo property, object? value)
    {
        RangeAttribute? range = property.GetCustomAttribute<RangeAttribute>();
        return value switch
        {
            bool flag => [!flag],
            Enum choice => Enum.GetValues(choice.GetType()).Cast<object>().Where(other => !other.Equals(choice)),
            int number => [number < (int)range!.Maximum ? number + 1 : number - 1],
            double number => [number > 0 ? (1.5 * number <= (double)range!.Maximum ? 1.5 * number : number / 2) : 0.5 * Math.Min(1, (double)range!.Maximum)],
            null => [0.5],
            _ => throw new NotSupportedException($"A parameter of type {property.PropertyType}."),
        };
    }

    private static double Psnr(Tensor x, Tensor truth) => -10 * Math.Log10((x - truth).square().mean().ToDouble());

    private static double Distance(Tensor x, Tensor truth) => (x - truth).norm().ToDouble();
}
