using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction;

/// <summary>Solves and simulates problems: the one door to this library for the service and the command line.</summary>
public static class Reconstructor
{
    // Samples are solved together as long as their pixels are at most these: memory grows with them, and beyond them time per sample no longer falls.
    private const long BatchPixels = 1 << 18;

    /// <summary>True where the problem's measurement is complex k-space.</summary>
    public static bool IsKSpace(Problem problem) => ProblemShapes.IsComplex(problem);

    /// <summary>Names of the files that the problem cannot be solved without.</summary>
    public static IReadOnlyList<string> NeededFiles(Problem problem) => ProblemShapes.Files(problem);

    /// <summary>
    /// Checks everything that can be checked without a network: parameters, shapes, channels, files. What says the same in another form is first brought to
    /// the one that the model takes:
    /// grey images of three channels, masks. Cheap; allocates no large memory.
    /// </summary>
    /// <param name="model">The model that will solve it.</param>
    /// <param name="request">The problem to solve.</param>
    /// <param name="limits">The largest problem that is taken; null: no limit.</param>
    /// <returns>
    /// The request with everything that was found, for <see cref="Run(LatentModel, CheckedReconstruction, Action{SolverProgress}?, CancellationToken)"/>.
    /// </returns>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static CheckedReconstruction Check(ModelInfo model, ReconstructionRequest request, ReconstructionLimits? limits = null) =>
        CheckedReconstruction.Of(model, request, limits);

    /// <summary>Checks and solves on the calling thread.</summary>
    /// <param name="model">The model.</param>
    /// <param name="request">The problem to solve.</param>
    /// <param name="progress">Called on this thread after steps.</param>
    /// <param name="cancellation">Checked between network and decoder calls.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static ReconstructionResult Run(
        LatentModel model, ReconstructionRequest request, Action<SolverProgress>? progress, CancellationToken cancellation) =>
        Run(model, Check(model.Info, request), progress, cancellation);

    /// <summary>Solves on the calling thread. Where memory is short for the samples that would be solved together, fewer are.</summary>
    /// <param name="model">The model.</param>
    /// <param name="valid">The checked problem.</param>
    /// <param name="progress">Called on this thread after steps.</param>
    /// <param name="cancellation">Checked between network and decoder calls.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for one sample.</exception>
    public static ReconstructionResult Run(
        LatentModel model, CheckedReconstruction valid, Action<SolverProgress>? progress, CancellationToken cancellation)
    {
        (ReconstructionRequest request, IReadOnlyList<CheckedFrame> frames) = (valid.Request, valid.Frames);
        var watch = Stopwatch.StartNew();
        // OpenMP counts threads for each thread that calls it: asking makes libtorch tell it.
        _ = Backend.Threads;
        using IDisposable grad = torch.no_grad();
        int samples = request.Solver is DiffusionParameters { Samples: var several } ? several : 1;
        bool share = FrameStack.ShareOperator(request) || ParallelReconstruction.ShareMask(request.Problem, frames);
        IReadOnlyList<CheckedFrame>[] sharing = share ? [frames] : [.. frames.Select(frame => new[] { frame })];
        int batch = request.Solver.JointFrames
            ? frames.Count
            : (int)Math.Clamp(BatchPixels / (valid.ImageShape[1] * valid.ImageShape[2]), 1, sharing[0].Count * samples);
        while (true)
        {
            try
            {
                return Run(model, valid, sharing, samples, batch, watch, progress, cancellation).Cropped(request.Crop);
            }
            catch (Exception error) when (error.IsOutOfMemory && batch > 1 && !request.Solver.JointFrames)
            {
                // From the start: the seeds are the samples' own, so the result is the same up to rounding.
                batch = (batch + 1) / 2;
            }
        }
    }

    private static ReconstructionResult Run(
        LatentModel model, CheckedReconstruction valid, IReadOnlyList<CheckedFrame>[] sharing, int samples, int batch,
        Stopwatch watch, Action<SolverProgress>? progress, CancellationToken cancellation)
    {
        int batches = sharing.Sum(group => (group.Count * samples + batch - 1) / batch), done = 0, frameCount = sharing.Sum(group => group.Count);
        var cost = new CostReport(0, 0, 0, 0, 0);
        (ReconstructionRequest request, NoiseReport? noise) = (valid.Request, valid.Noise);
        var solved = new List<FrameResult>();
        var noises = new List<NoiseReport>();
        foreach (IReadOnlyList<CheckedFrame> group in sharing)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            using Prepared prepared = Prepare(model, valid, group, cancellation);
            (ForwardOperator a, Tensor y, double sigma) = (prepared.A, prepared.Y, prepared.Sigma);
            if (prepared.Scan is { } scanned) noises.Add(scanned.Noise);
            Tensor? start = OrientedStart.Of(model, a, y, request.Problem.HasTwin, cancellation);
            var images = new List<Tensor>();
            int first = solved.Count;
            foreach (int[] items in Enumerable.Range(0, group.Count * samples).Chunk(batch))
            {
                int before = done++;
                FrameRange? range = frameCount == 1 ? null : new FrameRange(first + items[0] / samples, first + items[^1] / samples, frameCount);
                Action<SolverProgress>? report = progress is null ? null : p => progress(InWhole(p, before, batches, watch.Elapsed) with { Frames = range });
                Tensor measured = torch.cat([.. items.Select(item => y.narrow(0, item / samples, 1))]);
                ForwardOperator theirs = (a as SenseOperator)?.Frames([.. items.Select(item => (long)(item / samples))]) ?? a;
                using var own = ReferenceEquals(theirs, a) ? null : theirs;
                Solver solver = request.Solver.Create(new SolverInput(model, theirs, measured, sigma, report, cancellation)
                {
                    GlobalStart = start is null ? null : torch.cat([.. items.Select(item => start.narrow(0, item / samples, 1))]),
                });
                if (before == 0)
                {
                    // Filtered back-projection, zero-filled k-space, ...: what there is to see before the first estimate.
                    progress?.Invoke(new SolverProgress("direct", 0, batches * solver.Steps, null, watch.Elapsed, null, Shown(a, y).ToArrayData()) { Frames = range });
                }

                using SolverState state = solver.Start([.. items.Select(item => SampleSeed(group[item / samples].Request.Seed, item % samples))]);
                images.Add(solver.Run(state).clone());
                cost = new CostReport(
                    cost.NetworkCalls + solver.Calls.Network, cost.DecoderCalls + solver.Calls.Decoder,
                    cost.DecoderGradients + solver.Calls.DecoderGradient, cost.EncoderCalls + solver.Calls.Encoder, watch.Elapsed.TotalSeconds,
                    cost.NetworkGradients + solver.Calls.NetworkGradient);
            }

            Tensor all = torch.cat([.. images]);
            solved.AddRange(group.Select((frame, i) => prepared.Scan is { } scan
                ? ParallelReconstruction.Conclude(frame.Request, scan, i, all.narrow(0, i * samples, samples), cancellation)
                : Conclude(model, frame.Request, a, all.narrow(0, i * samples, samples), y.narrow(0, i, 1), sigma, cancellation)));
        }

        noise ??= noises[0] with { Sigma = Math.Sqrt(noises.Average(one => one.Sigma * one.Sigma)) };
        return Result(solved, cost with { Seconds = watch.Elapsed.TotalSeconds }, batch, noise, valid);
    }

    private static Prepared Prepare(LatentModel model, CheckedReconstruction valid, IReadOnlyList<CheckedFrame> group, CancellationToken cancellation)
    {
        ReconstructionRequest request = valid.Request;
        if (request.Problem is ParallelMri)
        {
            PreparedScan scan = ParallelReconstruction.Prepare(request, group, model.Device, cancellation);
            return new Prepared(scan.A, scan.Y, scan.Sigma, scan);
        }

        ForwardOperator unweighted = ProblemOperators.Create(
            request.Problem, [.. valid.ImageShape], group[0].Parts, group[0].Request.Measurement, model.Device);
        Tensor y = torch.cat([.. group.Select(frame => frame.Request.Measurement.ToTensor(model.Device))]);
        WhitenedMeasurement whitened = PhotonNoise.Whiten(unweighted, y, valid.Noise!.Sigma, request.Photons);
        return new Prepared(whitened.A, whitened.Y, whitened.Sigma, null);
    }

    // Filtered back-projection, zero-filled k-space, ... of the first frame.
    private static Tensor Shown(ForwardOperator a, Tensor y)
    {
        Tensor first = y.narrow(0, 0, 1);
        if (a is not SenseOperator sense) return a.Direct(first);
        using SenseOperator one = sense.Frames(0);
        return one.ToComplex(one.Direct(first)).narrow(1, 0, 1).abs();
    }

    // What the frames of a group share: operator and measurements as solvers take them.
    private sealed record Prepared(ForwardOperator A, Tensor Y, double Sigma, PreparedScan? Scan) : IDisposable
    {
        public void Dispose() => A.Dispose();
    }

    // What the samples of one frame say together.
    private static FrameResult Conclude(
        LatentModel model, ReconstructionRequest request, ForwardOperator a, Tensor samples, Tensor y, double sigma, CancellationToken cancellation)
    {
        bool twins = request.Problem.HasTwin;
        Tensor x = twins ? Likeliest(a, samples, y) : samples.mean([0], keepdim: true);
        TwinReport? twin = null;
        if (twins)
        {
            (x, twin) = Twins.Choose(model, x, request.Truth, cancellation);
        }

        ArrayData? deviation = samples.size(0) == 1 || twins ? null : samples.var([0], unbiased: true, keepdim: true).sqrt().ToArrayData();
        ArrayData image = x.ToArrayData();
        if (!image.Values.All(float.IsFinite))
        {
            throw new ArithmeticException("The reconstruction holds values that are not finite numbers.");
        }

        QualityReport? quality = request.Truth is { } truth ? ImageQuality.Report(x.clamp(0, 1).ToArrayData(), truth) : null;
        ConsistencyReport consistency = ConsistencyMeasure.Report(a, x, y, sigma)[0] with { Photons = request.Photons };
        return new FrameResult(image, deviation, new FrameReport(request.Seed, consistency, quality, twin), (a as TorchScriptOperator)?.Hash);
    }

    private static ReconstructionResult Result(List<FrameResult> frames, CostReport cost, int batch, NoiseReport noise, CheckedReconstruction valid)
    {
        bool stack = valid.IsStack;
        (MriReport? mri, MriArrays? arrays) = ParallelReconstruction.Together(frames, stack);
        if (arrays is not null) frames = ParallelReconstruction.OnOneScale(frames, mri!.Scale);
        string[] warnings = [.. valid.Warnings, .. mri is null ? [] : ParallelReconstruction.Warnings(mri)];
        if (!stack)
        {
            FrameResult one = frames[0];
            return new ReconstructionResult(one.Image, one.Deviation, one.Report.Consistency, one.Report.Quality, null, cost, batch)
            {
                Noise = noise,
                Twin = one.Report.Twin,
                OperatorHash = one.OperatorHash,
                Mri = mri,
                MriArrays = arrays,
                Mask = valid.Mask,
                Warnings = warnings,
            };
        }

        FrameReport[] reports = [.. frames.Select(frame => frame.Report)];
        return new ReconstructionResult(
            FrameStack.Stack([.. frames.Select(frame => frame.Image)]),
            frames[0].Deviation is null ? null : FrameStack.Stack([.. frames.Select(frame => frame.Deviation!)]),
            ConsistencyReport.Of([.. reports.Select(report => report.Consistency)]),
            reports[0].Quality is null ? null : QualityReport.MeanOf([.. reports.Select(report => report.Quality!)]),
            reports, cost, batch)
        {
            Noise = noise,
            OperatorHash = frames[0].OperatorHash,
            Mri = mri,
            MriArrays = arrays,
            Mask = valid.Mask,
            Warnings = warnings,
        };
    }

    /// <summary>Makes a measurement from a clean image.</summary>
    /// <param name="problem">The forward model.</param>
    /// <param name="image">x, (channels, height, width) in [0,1], or a stack of frames (frames, channels, height, width), each with noise of its own.</param>
    /// <param name="files">The problem's files by name.</param>
    /// <param name="sigma">Standard deviation of the noise per real component.</param>
    /// <param name="seed">Seed of the noise.</param>
    /// <param name="operatorFolder">Folder of the modules of <see cref="TorchScript"/>.</param>
    /// <param name="photons">Photons per unit of y, where they are counted (<see cref="PhotonNoise"/>).</param>
    /// <param name="coils">Of <see cref="ParallelMri"/>, how many coils there are; null: 8, or those of the file <c>maps</c>.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static SimulatedMeasurement Simulate(
        Problem problem, ArrayData image, IReadOnlyDictionary<string, ArrayData> files, double sigma, long seed,
        string? operatorFolder = null, double? photons = null, int? coils = null)
    {
        ProblemChecks.CheckArray(image, "files.image");
        var said = new List<string>();
        if (IsKSpace(problem)) image = InputForms.Grey(image, "image", luminance: null, "an MR image has 1", said);
        files = InputForms.Files(problem, files, null, said);
        if (InputForms.ImageScale(image) is { } scale) said.Add(scale);
        if (image.Shape.Length != 4)
        {
            return Simulation.Run(problem, image, files, sigma, seed, operatorFolder, photons, coils) with { Warnings = said };
        }

        SimulatedMeasurement[] frames = [.. Enumerable.Range(0, image.Shape[0]).Select(i =>
            Simulation.Run(problem, image.Frame(i), files, sigma, FrameStack.Seed(seed, i), operatorFolder, photons, coils, seed))];
        return new SimulatedMeasurement(FrameStack.Stack([.. frames.Select(frame => frame.Measurement)]), frames[0].Files) { Warnings = said };
    }

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
}
