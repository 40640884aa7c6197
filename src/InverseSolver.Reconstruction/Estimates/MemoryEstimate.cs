using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Estimates;

/// <summary>
/// The memory that a job takes at most, beside what a program holds before it and without the model's weights: its arrays, what its operator keeps, the
/// images of one batch and the feature maps of one call. The factors were fitted to peaks of real runs (docs/performance.md).
/// </summary>
/// <param name="Bytes">The job as it is begun.</param>
/// <param name="LeastBytes">The same where one image at a time is solved, as a job does where memory is short.</param>
public sealed record MemoryEstimate(long Bytes, long LeastBytes)
{
    // What any job takes: libtorch's kernels and buffers, the first results.
    private const double Base = 48 << 20;

    // Feature maps of a call by the channels of the largest ones: those at once, and those that a gradient keeps.
    private const double Maps = 14, MapsOfGradient = 65, MapsOfAllGradients = 78;

    // Attention of the autoencoder's middle: matrices of latent pixels by latent pixels.
    private const double Attention = 2.1, AttentionOfGradient = 3.5;

    // Images of a solver's step, float32.
    private const double ImagesOfStep = 24;

    // A model without a config.
    private const int UnknownChannels = 128;

    /// <summary>The estimate.</summary>
    /// <param name="valid">The job's problem.</param>
    /// <param name="model">Its model.</param>
    public static MemoryEstimate Of(CheckedReconstruction valid, ModelInfo model)
    {
        ReconstructionRequest request = valid.Request;
        IReadOnlyList<CheckedFrame>[] sharing = Reconstructor.Sharing(valid);
        int batch = Reconstructor.BatchOf(valid, sharing[0].Count), least = request.Solver.JointFrames ? batch : 1;
        long frames = valid.Frames.Count, pixels = valid.ImageShape.Aggregate(1L, (product, size) => product * size);
        OperatorBytes operatorBytes = request.Problem.Bytes([.. valid.ImageShape], valid.Frames[0].Request.Measurement, sharing[0].Count);
        double one = PerItem(valid, model, pixels) + operatorBytes.PerItem;

        // As read, as frames, on the device, and joined there; files and the truth have no tensor of all frames.
        double arrays = BytesOf(request.Measurement) * (valid.IsStack ? 4.0 : 3)
            + 2.0 * (request.Files.Values.Sum(BytesOf) + (request.Truth is { } truth ? BytesOf(truth) : 0));
        double masks = valid.Frames.Select(frame => frame.Arrays.Mask).Distinct().Sum(mask => (mask?.LongLength ?? 0) * 6.0);
        double results = frames * pixels * sizeof(float) * (Reconstructor.SamplesOf(valid) + 6.0);
        double solver = request.Solver.Bytes([.. valid.ImageShape], frames);
        double fixedBytes = Base + arrays + masks + results + operatorBytes.Fixed + solver;
        return new MemoryEstimate((long)(fixedBytes + batch * one), (long)(fixedBytes + least * one));
    }

    // Feature maps and images of one item of a batch.
    private static double PerItem(CheckedReconstruction valid, ModelInfo model, long pixels)
    {
        double images = ImagesOfStep * pixels * sizeof(float);
        if (valid.Request.Solver is not DiffusionParameters) return images;
        long height = ImagePadding.Padded((int)valid.ImageShape[1], model.SizeMultiple);
        long width = ImagePadding.Padded((int)valid.ImageShape[2], model.SizeMultiple);
        double area = (double)height * width, latents = area / ((double)model.LatentDownsampling * model.LatentDownsampling);
        ModelGradients gradients = valid.Request.Solver.Gradients;
        bool any = gradients != ModelGradients.None, all = gradients.Denoiser || gradients.Encoder;
        double maps = (model.FeatureChannels ?? UnknownChannels) * area * sizeof(float) * (all ? MapsOfAllGradients : any ? MapsOfGradient : Maps);
        double attention = model.LatentDownsampling == 1 ? 0 : latents * latents * sizeof(float) * (all ? AttentionOfGradient : Attention);
        return images + maps + attention;
    }

    private static double BytesOf(ArrayData array) => (double)array.Values.LongLength * sizeof(float);
}

/// <summary>The memory of an operator and of its preparation.</summary>
/// <param name="Fixed">Whatever the batch is.</param>
/// <param name="PerItem">For each image of a batch.</param>
internal readonly record struct OperatorBytes(double Fixed, double PerItem);
