using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Metrics;
using InverseSolver.Solvers.Operators;
using InverseSolver.Solvers.Problems;
using InverseSolver.Solvers.Solvers;
using InverseSolver.Torch;

namespace InverseSolver.Solvers;

/// <summary>One problem to solve, in host memory.</summary>
public sealed record ReconstructionRequest
{
    /// <summary>The forward model.</summary>
    public required Problem Problem { get; init; }

    /// <summary>y. An image (channels, height, width) on the [0,1] scale, or complex k-space (height, width).</summary>
    public required ArrayData Measurement { get; init; }

    /// <summary>The problem's files by name: <c>mask</c>, <c>psf</c>, <c>phase</c>.</summary>
    public IReadOnlyDictionary<string, ArrayData> Files { get; init; } = new Dictionary<string, ArrayData>();

    /// <summary>Standard deviation of the noise in y, per real component, in y's units.</summary>
    public required double Sigma { get; init; }

    /// <summary>The solver's parameters.</summary>
    public required SolverParameters Solver { get; init; }

    /// <summary>Seed of every random number that the solver draws.</summary>
    public required long Seed { get; init; }

    /// <summary>The true image, where it is known, to measure against.</summary>
    public ArrayData? Truth { get; init; }

    /// <summary>Folder of the modules of <see cref="TorchScript"/>; null where there are none.</summary>
    public string? OperatorFolder { get; init; }
}

/// <summary>How well an image explains its measurement.</summary>
/// <param name="MeasuredComponents">m, real components measured.</param>
/// <param name="Residual">||A(x) - y||^2 over the measured components.</param>
/// <param name="Expected">m sigma^2, what noise alone would leave.</param>
/// <param name="Ratio">Residual over expected; null when sigma is 0.</param>
/// <param name="RelativeResidual">||A(x) - y|| / ||y||.</param>
/// <param name="PriorShare">||x - A⁺A x||^2 / ||x||^2: the share of the image's energy that the measurement does not see, hence comes from the prior; null where A is not linear.</param>
public sealed record ConsistencyReport(
    long MeasuredComponents, double Residual, double Expected, double? Ratio, double RelativeResidual, double? PriorShare);

/// <summary>Agreement of the image, clipped to [0,1], with a known truth.</summary>
/// <param name="PsnrDb">Peak signal-to-noise ratio, peak 1.</param>
/// <param name="Ssim">Structural similarity, Gaussian window 11, sigma 1.5, range 1.</param>
/// <param name="Nmse">||x - truth||^2 / ||truth||^2.</param>
public sealed record QualityReport(double PsnrDb, double Ssim, double Nmse);

/// <summary>
/// Which of an image and its twin, turned by 180 degrees, is the result: the one that the prior finds likelier by its denoising loss. The measurement says nothing about it,
/// nor about where in the frame the image lies.
/// </summary>
/// <param name="Turned">Whether the solver's own image was turned.</param>
/// <param name="Loss">Denoising loss of the result per element of the latent.</param>
/// <param name="OtherLoss">That of the twin which was left.</param>
/// <param name="Registered">Agreement with the truth of the result, or of its twin where that agrees better, shifted by whole pixels so that it correlates best; null without a truth. It uses the truth, so it says what the magnitudes were solved to, not what a caller gets.</param>
public sealed record TwinReport(bool Turned, double Loss, double OtherLoss, QualityReport? Registered);

/// <summary>What a run cost.</summary>
/// <param name="NetworkCalls">Calls of the denoiser without gradient.</param>
/// <param name="DecoderCalls">Calls of the decoder without gradient.</param>
/// <param name="DecoderGradients">Calls of the decoder with gradient.</param>
/// <param name="EncoderCalls">Calls of the encoder, with gradient or without.</param>
/// <param name="Seconds">Wall-clock time.</param>
/// <param name="NetworkGradients">Calls of the denoiser with gradient.</param>
public sealed record CostReport(int NetworkCalls, int DecoderCalls, int DecoderGradients, int EncoderCalls, double Seconds, int NetworkGradients = 0);

/// <summary>A solved problem.</summary>
/// <param name="Image">The reconstruction, the mean of the samples where several were drawn (for problems with twins the one with the smallest residual), (channels, height, width), on the [0,1] scale, not clipped.</param>
/// <param name="Deviation">Standard deviation over the samples, per pixel, where more than one was drawn and they were averaged: where it is large, the prior chose.</param>
/// <param name="Consistency">How well it explains the measurement.</param>
/// <param name="Quality">Agreement with the truth, where that was given.</param>
/// <param name="Cost">What the run cost.</param>
/// <param name="Batch">Samples that were solved together.</param>
public sealed record ReconstructionResult(ArrayData Image, ArrayData? Deviation, ConsistencyReport Consistency, QualityReport? Quality, CostReport Cost, int Batch)
{
    /// <summary>Which twin the result is, of problems that have them.</summary>
    public TwinReport? Twin { get; init; }

    /// <summary>SHA-256 of the module of a <see cref="TorchScript"/>.</summary>
    public string? OperatorHash { get; init; }

    // So that a deviation which is next to nothing looks like that.
    private const float LeastWhite = 0.05f;

    /// <summary>The deviation that <see cref="DeviationPicture"/> shows as white: the largest one, and at least 0.05. Null for one sample.</summary>
    public float? DeviationWhite => Deviation is null ? null : Math.Max(LeastWhite, Deviation.Values.Max());

    /// <summary>The deviation on [0,1], to look at. Null for one sample.</summary>
    public ArrayData? DeviationPicture =>
        DeviationWhite is { } white ? Deviation! with { Values = [.. Deviation!.Values.Select(value => value / white)] } : null;
}

/// <summary>A measurement made from a known image.</summary>
/// <param name="Measurement">y = A(x) + n.</param>
/// <param name="Files">What the problem's generators drew (mask, kernel), by name, for looking at.</param>
public sealed record SimulatedMeasurement(ArrayData Measurement, IReadOnlyDictionary<string, ArrayData> Files);

/// <summary>Solves and simulates problems: the one door to this library for the service and the command line.</summary>
public static class Reconstruction
{
    // Samples are solved together as long as their pixels are at most these: memory grows with them, and beyond them time per sample no longer falls.
    private const long BatchPixels = 1 << 18;

    /// <summary>Checks everything that can be checked without a network: parameters, shapes, channels, files. Cheap; allocates no large memory.</summary>
    /// <param name="model">The model that will solve it.</param>
    /// <param name="request">What to solve.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static void Validate(LatentModel model, ReconstructionRequest request) => _ = ValidatedImageShape(model, request);

    /// <summary>Solves on the calling thread.</summary>
    /// <param name="model">The model.</param>
    /// <param name="request">What to solve.</param>
    /// <param name="progress">Called on this thread after steps.</param>
    /// <param name="cancellation">Checked between network and decoder calls.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public static ReconstructionResult Run(
        LatentModel model, ReconstructionRequest request, Action<SolverProgress>? progress, CancellationToken cancellation)
    {
        long[] imageShape = ValidatedImageShape(model, request);
        var watch = Stopwatch.StartNew();
        // OpenMP counts threads for each thread that calls it: asking makes libtorch tell it, before the BLAS asks OpenMP.
        _ = Backend.Threads;
        using GradMode grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        using ForwardOperator a = ProblemOperators.Create(request.Problem, imageShape, request.Files, request.Measurement, model.Device, request.OperatorFolder);
        Tensor y = request.Measurement.ToTensor(model.Device);
        int count = (request.Solver as DiffusionParameters)?.Samples ?? 1;
        long[] seeds = [.. Enumerable.Range(0, count).Select(k => SampleSeed(request.Seed, k))];
        int batch = (int)Math.Clamp(BatchPixels / (imageShape[1] * imageShape[2]), 1, seeds.Length);
        int groups = (seeds.Length + batch - 1) / batch;
        Tensor? start = OrientedStart.Of(model, a, y, request.Problem.HasTwin, cancellation);
        var images = new List<Tensor>();
        var cost = new CostReport(0, 0, 0, 0, 0);
        foreach (long[] group in seeds.Chunk(batch))
        {
            int done = images.Count;
            Action<SolverProgress>? report = progress is null ? null : p => progress(InWhole(p, done, groups, watch.Elapsed));
            Solver solver = request.Solver.Create(new SolverInput(model, a, torch.cat([.. Enumerable.Repeat(y, group.Length)]), request.Sigma, report, cancellation)
            {
                GlobalStart = start is null ? null : torch.cat([.. Enumerable.Repeat(start, group.Length)]),
            });
            using SolverState state = solver.Start(group);
            images.Add(solver.Run(state).clone());
            cost = new CostReport(
                cost.NetworkCalls + solver.Calls.Network, cost.DecoderCalls + solver.Calls.Decoder,
                cost.DecoderGradients + solver.Calls.DecoderGradient, cost.EncoderCalls + solver.Calls.Encoder, watch.Elapsed.TotalSeconds,
                cost.NetworkGradients + solver.Calls.NetworkGradient);
        }

        Tensor samples = torch.cat([.. images]);
        bool twins = request.Problem.HasTwin;
        Tensor x = twins ? Likeliest(a, samples, y) : samples.mean([0], keepdim: true);
        TwinReport? twin = null;
        if (twins)
        {
            (x, twin) = Twins.Choose(model, x, request.Truth, cancellation);
        }

        ArrayData? deviation = count == 1 || twins ? null : samples.var([0], unbiased: true, keepdim: true).sqrt().ToArrayData();
        ArrayData image = x.ToArrayData();
        if (!image.Values.All(float.IsFinite))
        {
            throw new ArithmeticException("The reconstruction holds values that are not finite numbers.");
        }

        QualityReport? quality = request.Truth is { } truth ? ImageQuality.Report(x.clamp(0, 1).ToArrayData(), truth) : null;
        return new ReconstructionResult(image, deviation, ConsistencyMeasure.Report(a, x, y, request.Sigma)[0], quality, cost, batch) { Twin = twin, OperatorHash = (a as TorchScriptOperator)?.Hash };
    }

    /// <summary>Makes a measurement from a clean image.</summary>
    /// <param name="problem">The forward model.</param>
    /// <param name="image">x, (channels, height, width) in [0,1].</param>
    /// <param name="files">The problem's files by name.</param>
    /// <param name="sigma">Standard deviation of the noise per real component.</param>
    /// <param name="seed">Seed of the noise.</param>
    /// <param name="operatorFolder">Folder of the modules of <see cref="TorchScript"/>.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static SimulatedMeasurement Simulate(
        Problem problem, ArrayData image, IReadOnlyDictionary<string, ArrayData> files, double sigma, long seed, string? operatorFolder = null) =>
        Simulation.Run(problem, image, files, sigma, seed, operatorFolder);

    // The sample that explains the measurement best.
    private static Tensor Likeliest(ForwardOperator a, Tensor samples, Tensor y)
    {
        double[] residuals = a.Residual2(samples, torch.cat([.. Enumerable.Repeat(y, (int)samples.size(0))])).ToDoubles();
        return samples.narrow(0, Array.IndexOf(residuals, residuals.Min()), 1);
    }

    // Where a group of samples stands, as part of all groups.
    private static SolverProgress InWhole(SolverProgress p, int done, int groups, TimeSpan elapsed) => p with
    {
        Step = done * p.Of + p.Step,
        Of = groups * p.Of,
        Elapsed = elapsed,
        Eta = p.Eta is { } eta ? eta + (groups - 1 - done) * (p.Elapsed + eta) : null,
    };

    // The first sample has the request's own seed; the others are spread over all seeds.
    private static long SampleSeed(long seed, int sample) => unchecked(seed + sample * (long)0x9E3779B97F4A7C15);

    private static long[] ValidatedImageShape(LatentModel model, ReconstructionRequest request)
    {
        if (!double.IsFinite(request.Sigma) || request.Sigma < 0)
        {
            throw new InvalidInputException("sigma", "It must be a finite number, 0 or more.");
        }

        if (model.Info.ContextChannels is not null || model.Info.NeedsClassLabels)
        {
            throw new InvalidInputException("model", $"The model '{model.Info.Id}' needs {(model.Info.NeedsClassLabels ? "class labels" : "a text embedding")}, which cannot be given here: only unconditional models solve problems.");
        }

        RecordValidation.Check(request.Solver, "solver.parameters");
        if (request.Solver.GridSteps > model.Abar.Length)
        {
            throw new InvalidInputException("solver.parameters.steps", $"It is {request.Solver.GridSteps}; the model '{model.Info.Id}' was trained with {model.Abar.Length} timesteps.");
        }

        long[] shape = ProblemOperators.ImageShape(request.Problem, request.Measurement);
        ProblemOperators.Validate(request.Problem, shape, request.Files, request.Measurement, request.OperatorFolder);
        if (shape[0] != model.Channels)
        {
            throw new InvalidInputException(
                "files.measurement", $"It has {shape[0]} channel(s), the model '{model.Info.Id}' is for images with {model.Channels}.");
        }

        if (request.Solver.Refusal(request.Problem, model) is { } refusal)
        {
            throw new InvalidInputException("solver.type", refusal);
        }

        if (request.Truth is { } truth)
        {
            ImageQuality.CheckTruth(truth, [.. shape.Select(n => (int)n)]);
        }

        return shape;
    }
}
