using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction;

/// <summary>Limits of what is solved, beside those of the formats.</summary>
/// <param name="Frames">Frames of a stack, at most.</param>
/// <param name="ImagePixels">Pixels of the image to be solved for, at most.</param>
public sealed record ReconstructionLimits(int Frames, long ImagePixels);

/// <summary>
/// A request that can be solved, with everything that its checks found: running it needs no second check. <see cref="Reconstructor.Check"/> makes it, and
/// nothing else does.
/// </summary>
public sealed record CheckedReconstruction
{
    private CheckedReconstruction()
    {
    }

    /// <summary>The request, its arrays in the form that the model takes.</summary>
    public required ReconstructionRequest Request { get; init; }

    /// <summary>True where the measurement is a stack of frames, be it of one.</summary>
    public required bool IsStack { get; init; }

    /// <summary>(channels, height, width) of each frame's image.</summary>
    public required IReadOnlyList<long> ImageShape { get; init; }

    /// <summary>The noise, as given or as estimated; null where it is found together with the operator.</summary>
    public required NoiseReport? Noise { get; init; }

    /// <summary>1 where the measurement is used, 0 elsewhere; null of problems without a mask.</summary>
    public required ArrayData? Mask { get; init; }

    /// <summary>Sentences for the caller, with which the result's warnings begin.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The frames, one for a single image.</summary>
    internal IReadOnlyList<CheckedFrame> Frames { get; init; } = [];

    /// <summary>The same problem for a solver without a network, which <see cref="Baseline.Check"/> found able to solve it.</summary>
    internal CheckedReconstruction With(SolverParameters solver) => this with
    {
        Request = Request with { Solver = solver },
        Frames = [.. Frames.Select(frame => frame with { Request = frame.Request with { Solver = solver } })],
    };

    /// <summary>Checks a request.</summary>
    internal static CheckedReconstruction Of(ModelInfo model, ReconstructionRequest request, ReconstructionLimits? limits)
    {
        request = InputForms.Suited(model, request);
        CheckLimits(request, limits);
        IReadOnlyList<ReconstructionRequest> frames = FrameStack.Split(request);
        long[] shape = [];
        var arrays = new List<OperatorArrays>();
        bool share = frames.Count > 1 && FrameStack.ShareOperator(request);
        for (int i = 0; i < frames.Count; i++)
        {
            try
            {
                (shape, OperatorArrays found) = CheckFrame(model, frames[i]);
                // Frames that share their operator share its arrays: a volume keeps one mask and one kernel.
                arrays.Add(share && i > 0 ? arrays[0] : found);
            }
            catch (InvalidInputException error) when (frames.Count > 1 && error.Field.StartsWith("files.", StringComparison.Ordinal))
            {
                throw new InvalidInputException(error.Field, $"Frame {i}: {error.Message}") { Code = error.Code };
            }
        }

        CheckedFrame[] all = [.. frames.Zip(arrays, (frame, found) => new CheckedFrame(frame, found))];
        request.Problem.CheckPreparation(all);
        UsedMask?[] masks = [.. all.Select(frame => request.Problem.UsedMask(shape, frame.Arrays))];
        NoiseReport? noise = NoiseOf(request, all);
        return new CheckedReconstruction
        {
            Request = request,
            IsStack = FrameStack.IsStack(request.Problem, request.Measurement),
            ImageShape = shape,
            Noise = noise,
            Mask = UsedMask.Together(masks),
            Warnings = [.. request.Warnings, .. Scales(request, frames, masks, noise)],
            Frames = all,
        };
    }

    // Before anything is allocated that grows with the image.
    private static void CheckLimits(ReconstructionRequest request, ReconstructionLimits? limits)
    {
        ArrayData y = request.Measurement;
        ProblemChecks.CheckArray(y, "files.measurement");
        if (limits is null) return;
        bool stack = FrameStack.IsStack(request.Problem, y);
        long[] image = ProblemOperators.ImageShape(request.Problem, stack ? y.Frame(0) : y);
        if (stack && y.Shape[0] > limits.Frames)
        {
            throw Exceeded($"It is a stack of {y.Shape[0]} frames; at most {limits.Frames} are solved here.");
        }

        if (image[1] * image[2] > limits.ImagePixels)
        {
            throw Exceeded($"The image to be solved for has {image[1]} x {image[2]} pixels; at most {limits.ImagePixels} are solved here.");
        }

        static InvalidInputException Exceeded(string text) => new("files.measurement", text) { Code = InvalidInputException.LimitExceeded };
    }

    private static (long[] Shape, OperatorArrays Arrays) CheckFrame(ModelInfo model, ReconstructionRequest request)
    {
        if (request.Sigma is { } sigma && (!double.IsFinite(sigma) || sigma < 0))
        {
            throw new InvalidInputException("sigma", "It must be a finite number, 0 or more.");
        }

        if (request.Sigma is null && request.Photons is not null)
        {
            throw new InvalidInputException("sigma", "Where photons are counted the read-out's sigma is not estimated; give it, 0 where there is none.");
        }

        if (model.Missing is { } missing)
        {
            throw new InvalidInputException("model", $"The model '{model.Id}' {missing}.");
        }

        RecordValidation.Check(request.Solver, "solver.parameters");
        if (request.Solver.GridSteps > model.TrainTimesteps)
        {
            throw new InvalidInputException(
                "solver.parameters.steps", $"It is {request.Solver.GridSteps}; the model '{model.Id}' was trained with {model.TrainTimesteps} timesteps.");
        }

        long[] shape = ProblemOperators.ImageShape(request.Problem, request.Measurement);
        OperatorArrays arrays = ProblemChecks.Check(request.Problem, shape, request.Files, request.Measurement, request.OperatorFolder);
        PhotonNoise.Check(request.Problem, request.Photons);
        if (shape[0] != model.Channels)
        {
            throw new InvalidInputException(
                "files.measurement", $"The image behind it has {shape[0]} channel(s), the model '{model.Id}' is for images with {model.Channels}.");
        }

        if (model is { FixedHeight: { } high, FixedWidth: { } wide }
            && (ImagePadding.Padded((int)shape[1], model.SizeMultiple) != high || ImagePadding.Padded((int)shape[2], model.SizeMultiple) != wide))
        {
            string smaller = high == wide ? ", and smaller ones mirrored up to them" : "";
            throw new InvalidInputException(
                "files.measurement", $"Its image has {shape[1]} x {shape[2]} pixels; the model '{model.Id}' takes {high} x {wide} only{smaller}.");
        }

        if ((request.Solver.Refusal(request.Problem, model) ?? SolverCatalog.GradientRefusal(request.Solver, model)) is { } refusal)
        {
            throw new InvalidInputException("solver.type", refusal);
        }

        if (request.Truth is { } truth)
        {
            ImageQuality.CheckTruth(truth, [.. shape.Select(n => (int)n)]);
        }

        return (shape, arrays);
    }

    // One level for all frames, the root mean square of theirs.
    private static NoiseReport? NoiseOf(ReconstructionRequest request, IReadOnlyList<CheckedFrame> frames)
    {
        if (request.Problem.FindsNoise) return null;
        if (request.Sigma is { } given) return new NoiseReport(given, false, null, request.Photons);
        NoiseLevel[] levels = [.. frames.Select(frame => NoiseEstimate.Of(request.Problem, frame.Arrays, frame.Request.Measurement, request.LeastSigma))];
        return new NoiseReport(Math.Sqrt(levels.Average(level => level.Sigma * level.Sigma)), true, levels[0].Method, null);
    }

    // Sentences on values off the scale of the model's images.
    private static IEnumerable<string> Scales(ReconstructionRequest request, IReadOnlyList<ReconstructionRequest> frames, UsedMask?[] masks, NoiseReport? noise)
    {
        IEnumerable<(ArrayData, bool[]?)> measured = frames.Zip(
            masks, (frame, mask) => (frame.Measurement, mask?.OfEntries));
        if (noise is not null && InputForms.Scale(request.Problem, measured, noise) is { } scale) yield return scale;
        if (request.Truth is { } truth && InputForms.TruthScale(request.Problem, truth) is { } other) yield return other;
    }
}

/// <summary>One frame of a checked request.</summary>
/// <param name="Request">The frame as a request of its own.</param>
/// <param name="Arrays">The arrays that its operator is built from.</param>
internal sealed record CheckedFrame(ReconstructionRequest Request, OperatorArrays Arrays);
