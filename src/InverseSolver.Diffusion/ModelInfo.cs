using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion;

/// <summary>Which of a model's networks give gradients. ONNX Runtime's do not; those that libtorch runs do, and so does the identity of a model in pixel space.</summary>
/// <param name="Denoiser">Whether the predicted noise has a gradient by the latent.</param>
/// <param name="Decoder">Whether the decoded image has one by the latent.</param>
/// <param name="Encoder">Whether the latent has one by the image.</param>
public sealed record ModelGradients(bool Denoiser, bool Decoder, bool Encoder)
{
    /// <summary>All three.</summary>
    public static ModelGradients All { get; } = new(true, true, true);

    /// <summary>None.</summary>
    public static ModelGradients None { get; } = new(false, false, false);
}

/// <summary>What runs a model's networks: <c>libtorch</c>, <c>torchscript</c> or <c>onnx</c>.</summary>
/// <param name="Denoiser">The denoiser.</param>
/// <param name="Decoder">The decoder; null for a model in pixel space.</param>
/// <param name="Encoder">The encoder; null for a model in pixel space.</param>
public sealed record ModelBackends(string Denoiser, string? Decoder, string? Encoder);

/// <summary>What is known of a model without its weights.</summary>
public sealed record ModelInfo
{
    /// <summary>How requests name it.</summary>
    public required string Id { get; init; }

    /// <summary>Version of the weights.</summary>
    public string Version { get; init; } = "1";

    /// <summary>One line for people.</summary>
    public string Title { get; init; } = "";

    /// <summary>Which images it was trained on.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Channels of the image.</summary>
    public required int Channels { get; init; }

    /// <summary>Images are padded up to multiples of this.</summary>
    public required int SizeMultiple { get; init; }

    /// <summary>Height of the training images, where it is known.</summary>
    public int? NativeHeight { get; init; }

    /// <summary>Width of the training images, where it is known.</summary>
    public int? NativeWidth { get; init; }

    /// <summary>Height of the images where the model's files take no other, after padding; null where any will do.</summary>
    public int? FixedHeight { get; init; }

    /// <summary>Width of the images where the model's files take no other, after padding; null where any will do.</summary>
    public int? FixedWidth { get; init; }

    /// <summary>Channels of the latent.</summary>
    public required int LatentChannels { get; init; }

    /// <summary>Height and width of the image over those of the latent.</summary>
    public required int LatentDownsampling { get; init; }

    /// <summary>What the encoder's latent is multiplied by.</summary>
    public double LatentScale { get; init; } = 1;

    /// <summary>What the network was trained to predict.</summary>
    public PredictionType PredictionType { get; init; }

    /// <summary>Number of training timesteps.</summary>
    public int TrainTimesteps { get; init; } = 1000;

    /// <summary>τ: root mean square error of encode and decode on [0,1], where it was measured.</summary>
    public double? RoundTripRmse { get; init; }

    /// <summary>Whether it has a consistency network.</summary>
    public bool HasConsistencyNetwork { get; init; }

    /// <summary>Width of the context that every prediction needs; null where it takes none.</summary>
    public int? ContextChannels { get; init; }

    /// <summary>Whether every prediction needs class labels.</summary>
    public bool NeedsClassLabels { get; init; }

    /// <summary>What the model is told whenever a solver calls it; null where it takes nothing, or nothing is stored.</summary>
    public ConditioningInfo? Conditioning { get; init; }

    /// <summary>What keeps the model from solving problems, as the end of a sentence about it; null where nothing does.</summary>
    public string? Missing { get; init; }

    /// <summary>Where the timesteps of a solver's grid lie, as the scheduler's config says; solvers have their own for <see cref="TimestepSpacing.Leading"/>.</summary>
    public TimestepSpacing TimestepSpacing { get; init; }

    /// <summary>Whether the last step of a solver's grid ends without noise rather than with that of timestep 0.</summary>
    public bool SetAlphaToOne { get; init; }

    /// <summary>What runs its networks; null for a model that is none of networks.</summary>
    public ModelBackends? Backends { get; init; }

    /// <summary>Which of its networks give gradients.</summary>
    public ModelGradients Gradients { get; init; } = ModelGradients.All;

    /// <summary>What the denoiser computes in; the autoencoder computes in float32, unless it is a file that says otherwise.</summary>
    public string Precision { get; init; } = "float32";

    /// <summary>Terms of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>SHA-256 over the hashes of the files that make up the model. Null before the model was loaded, unless its card declares them all.</summary>
    public string? Hash { get; init; }
}
