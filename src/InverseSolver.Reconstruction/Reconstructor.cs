using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction;

/// <summary>Solves and simulates problems: the one door to this library for the service and the command line.</summary>
public static class Reconstructor
{
    // Samples are solved together as long as their pixels are at most these: memory grows with them, and beyond them time per sample no longer falls.
    private const long BatchPixels = 1 << 18;

    /// <summary>True where the problem's measurement is complex k-space.</summary>
    public static bool IsKSpace(Problem problem) => problem.IsComplex;

    /// <summary>Checks a problem by itself, without its files.</summary>
    /// <exception cref="InvalidInputException">Names all fields that are wrong, under <c>problem</c>.</exception>
    public static void CheckProblem(Problem problem) => ProblemChecks.CheckParameters(problem, "problem");

    /// <summary>Names of the files that the problem cannot be solved without.</summary>
    public static IReadOnlyList<string> NeededFiles(Problem problem) => problem.Files;

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
        LatentModel model, CheckedReconstruction valid, Action<SolverProgress>? progress, CancellationToken cancellation) =>
        Run(model, valid, saved: null, progress, cancellation);

    /// <summary>The same from a position on, which moves with the run; null: from the beginning.</summary>
    internal static ReconstructionResult Run(
        LatentModel model, CheckedReconstruction valid, RunPosition? saved, Action<SolverProgress>? progress, CancellationToken cancellation)
    {
        using RunPosition? own = saved is null ? new RunPosition() : null;
        RunPosition position = saved ?? own!;
        ReconstructionRequest request = valid.Request;
        // OpenMP counts threads for each thread that calls it: asking makes libtorch tell it.
        _ = Backend.Threads;
        using IDisposable grad = torch.no_grad();
        int samples = SamplesOf(valid);
        IReadOnlyList<CheckedFrame>[] sharing = Sharing(valid);
        if (position.Batch == 0) position.Batch = BatchOf(valid, sharing[0].Count);

        while (true)
        {
            try
            {
                return RunInBatches(model, valid, sharing, samples, position, progress, cancellation).Cropped(request.Crop);
            }
            catch (Exception error) when (error.IsOutOfMemory)
            {
                // From the start: the seeds are the samples' own, so the result is the same up to rounding.
                bool smaller = position.Batch > 1 && !request.Solver.JointFrames;
                position.Restart(smaller ? (position.Batch + 1) / 2 : position.Batch);
                if (!smaller) throw;
            }
        }
    }

    /// <summary>Samples of each frame.</summary>
    internal static int SamplesOf(CheckedReconstruction valid) => valid.Request.Solver is DiffusionParameters { Samples: var several } ? several : 1;

    /// <summary>The frames, in groups that share their operator.</summary>
    internal static IReadOnlyList<CheckedFrame>[] Sharing(CheckedReconstruction valid)
    {
        bool share = FrameStack.ShareOperator(valid.Request) || valid.Request.Problem.CanPrepareTogether(valid.Frames);
        return share ? [valid.Frames] : [.. valid.Frames.Select(frame => new[] { frame })];
    }

    /// <summary>Samples that are solved together where memory is not short.</summary>
    /// <param name="valid">The problem.</param>
    /// <param name="frames">Frames of the first group.</param>
    internal static int BatchOf(CheckedReconstruction valid, int frames) => valid.Request.Solver.JointFrames
        ? valid.Frames.Count
        : (int)Math.Clamp(BatchPixels / (valid.ImageShape[1] * valid.ImageShape[2]), 1, frames * SamplesOf(valid));

    private static ReconstructionResult RunInBatches(
        LatentModel model, CheckedReconstruction valid, IReadOnlyList<CheckedFrame>[] sharing, int samples, RunPosition position,
        Action<SolverProgress>? progress, CancellationToken cancellation)
    {
        int batch = position.Batch, batches = sharing.Sum(group => (group.Count * samples + batch - 1) / batch), index = 0;
        int frameCount = sharing.Sum(group => group.Count);
        (ReconstructionRequest request, NoiseReport? noise) = (valid.Request, valid.Noise);
        var solved = new List<FrameResult>();
        var noises = new List<NoiseReport>();
        foreach (IReadOnlyList<CheckedFrame> group in sharing)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            using Acquisition acquisition = request.Problem.Prepare(valid, group, model.Device, cancellation);
            (ForwardOperator a, Tensor y, double sigma) = (acquisition.A, acquisition.Y, acquisition.Sigma);
            noises.Add(acquisition.Noise);
            int[][] chunks = [.. Enumerable.Range(0, group.Count * samples).Chunk(batch)];
            bool solves = index + chunks.Length > position.Done;
            Tensor? start = solves ? OrientedStart.Of(model, a, y, request.Problem.HasTwin, cancellation) : null;
            var images = new List<Tensor>();
            int first = solved.Count;
            foreach (int[] items in chunks)
            {
                int before = index++;
                if (before < position.Done)
                {
                    images.Add(position.Images(before, model.Device));
                    continue;
                }

                FrameRange? range = frameCount == 1 ? null : new FrameRange(first + items[0] / samples, first + items[^1] / samples, frameCount);
                Action<SolverProgress>? report = progress is null
                    ? null
                    : p =>
                    {
                        position.Residuals.Add(p.Residual is { } residual && double.IsFinite(residual) ? residual : null);
                        progress(OfAllGroups(p, before, batches, position.Elapsed) with { Frames = range });
                    };
                Tensor measured = torch.cat([.. items.Select(item => y.narrow(0, item / samples, 1))]);
                ForwardOperator ofBatch = acquisition.OfFrames([.. items.Select(item => (long)(item / samples))]);
                using ForwardOperator? disposed = ReferenceEquals(ofBatch, a) ? null : ofBatch;
                Solver solver = request.Solver.Create(new SolverInput(model, ofBatch, measured, sigma, report, cancellation)
                {
                    GlobalStart = start is null ? null : torch.cat([.. items.Select(item => start.narrow(0, item / samples, 1))]),
                });
                if (before == 0 && position.State is null)
                {
                    // Filtered back-projection, zero-filled k-space, ...: the picture before the first estimate.
                    ArrayData picture = acquisition.DirectImage().ToArrayData();
                    progress?.Invoke(new SolverProgress("direct", 0, batches * solver.Steps, null, position.Elapsed, null, picture) { Frames = range });
                }

                images.Add(position.Solve(solver, [.. items.Select(item => SampleSeed(group[item / samples].Request.Seed, item % samples))]));
            }

            Tensor all = torch.cat([.. images]);
            solved.AddRange(group.Select((frame, i) =>
                acquisition.Conclude(model, frame.Request, i, all.narrow(0, i * samples, samples), cancellation)));
        }

        noise ??= noises[0] with { Sigma = Math.Sqrt(noises.Average(level => level.Sigma * level.Sigma)) };
        return Result(solved, position.Cost, batch, noise, valid) with
        {
            Residuals = [.. position.Residuals],
            CallTimes = [.. position.CallTimes],
        };
    }

    private static ReconstructionResult Result(List<FrameResult> solved, CostReport cost, int batch, NoiseReport noise, CheckedReconstruction valid)
    {
        bool stack = valid.IsStack;
        SolvedFrames all = valid.Request.Problem.Combine(solved, stack);
        IReadOnlyList<FrameResult> frames = all.Frames;
        string[] warnings = [.. valid.Warnings, .. all.Warnings];
        if (!stack)
        {
            FrameResult one = frames[0];
            return new ReconstructionResult(one.Image, one.Deviation, one.Report.Consistency, one.Report.Quality, null, cost, batch)
            {
                Noise = noise,
                Twin = one.Report.Twin,
                OperatorHash = one.OperatorHash,
                Mri = all.Mri,
                MriArrays = all.Arrays,
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
            Mri = all.Mri,
            MriArrays = all.Arrays,
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
        var remarks = new List<string>();
        if (IsKSpace(problem)) image = InputForms.Grey(image, "image", luminance: null, "an MR image has 1", remarks);
        files = InputForms.Files(problem, files, null, remarks);
        if (InputForms.ImageScale(image) is { } scale) remarks.Add(scale);
        var simulation = new Simulation(image, files, sigma, seed) { OperatorFolder = operatorFolder, Photons = photons, Coils = coils };
        if (image.Shape.Length != 4)
        {
            return simulation.Run(problem) with { Warnings = remarks };
        }

        SimulatedMeasurement[] frames = [.. Enumerable.Range(0, image.Shape[0]).Select(i =>
            (simulation with { Image = image.Frame(i), Seed = FrameStack.Seed(seed, i), ObjectSeed = seed }).Run(problem))];
        return new SimulatedMeasurement(FrameStack.Stack([.. frames.Select(frame => frame.Measurement)]), frames[0].Files) { Warnings = remarks };
    }

    // The progress of one group of samples as progress of all groups.
    private static SolverProgress OfAllGroups(SolverProgress p, int done, int groups, TimeSpan elapsed) => p with
    {
        Step = done * p.Of + p.Step,
        Of = groups * p.Of,
        Elapsed = elapsed,
        Eta = p.Eta is { } eta ? eta + (groups - 1 - done) * (p.Elapsed + eta) : null,
    };

    // The first sample has the request's own seed; the others are spread over all seeds.
    private static long SampleSeed(long seed, int sample) => unchecked(seed + sample * (long)0x9E3779B97F4A7C15);
}
