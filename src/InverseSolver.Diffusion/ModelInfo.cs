using System.Text.Json.Serialization;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion;

/// <summary>
/// The gradients that a model's networks give. Those in ONNX Runtime give none; those in libtorch do, and so does the identity of a model in pixel space.
/// </summary>
/// <param name="Denoiser">True where the predicted noise has a gradient by the latent.</param>
/// <param name="Decoder">True where the decoded image has one by the latent.</param>
/// <param name="Encoder">True where the latent has one by the image.</param>
public sealed record ModelGradients(bool Denoiser, bool Decoder, bool Encoder)
{
    /// <summary>All three.</summary>
    public static ModelGradients All { get; } = new(true, true, true);

    /// <summary>None.</summary>
    public static ModelGradients None { get; } = new(false, false, false);
}

/// <summary>The backends of a model's networks: <c>libtorch</c>, <c>torchscript</c> or <c>onnx</c>.</summary>
/// <param name="Denoiser">The denoiser.</param>
/// <param name="Decoder">The decoder; null for a model in pixel space.</param>
/// <param name="Encoder">The encoder; null for a model in pixel space.</param>
public sealed record ModelBackends(string Denoiser, string? Decoder, string? Encoder);

/// <summary>The description of a model without its weights.</summary>
public sealed record ModelInfo
{
    /// <summary>The id in requests.</summary>
    public required string Id { get; init; }

    /// <summary>Version of the weights.</summary>
    public string Version { get; init; } = "1";

    /// <summary>One line for people.</summary>
    public string Title { get; init; } = "";

    /// <summary>The domain of its training images.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Channels of the image.</summary>
    public required int Channels { get; init; }

    /// <summary>Images are padded up to multiples of this.</summary>
    public required int SizeMultiple { get; init; }

    /// <summary>Height of the training images, where it is known.</summary>
    public int? NativeHeight { get; init; }

    /// <summary>Width of the training images, where it is known.</summary>
    public int? NativeWidth { get; init; }

    /// <summary>Height of the images, after padding, where the model's files take a single one; null for any.</summary>
    public int? FixedHeight { get; init; }

    /// <summary>Width of the images, after padding, where the model's files take a single one; null for any.</summary>
    public int? FixedWidth { get; init; }

    /// <summary>Channels of the latent.</summary>
    public required int LatentChannels { get; init; }

    /// <summary>Height and width of the image over those of the latent.</summary>
    public required int LatentDownsampling { get; init; }

    /// <summary>The scale of the encoder's latent.</summary>
    public double LatentScale { get; init; } = 1;

    /// <summary>The quantity that the network was trained to predict.</summary>
    public PredictionType PredictionType { get; init; }

    /// <summary>Number of training timesteps.</summary>
    public int TrainTimesteps { get; init; } = 1000;

    /// <summary>τ: root mean square error of encode and decode on [0,1], where it was measured.</summary>
    public double? RoundTripRmse { get; init; }

    /// <summary>The noise of each training timestep; null where only a loaded model knows it.</summary>
    [JsonIgnore] public NoiseSchedule? Noise { get; init; }

    /// <summary>Channels of the feature maps that are as large as the image, where a config says it: what a call's memory grows with.</summary>
    [JsonIgnore] public int? FeatureChannels { get; init; }

    /// <summary>True where it has a consistency network.</summary>
    public bool HasConsistencyNetwork { get; init; }

    /// <summary>Width of the required context; null for none.</summary>
    public int? ContextChannels { get; init; }

    /// <summary>True where every prediction needs class labels.</summary>
    public bool NeedsClassLabels { get; init; }

    /// <summary>The condition with which solvers call the model; null where it takes none, or none is stored.</summary>
    public ConditioningInfo? Conditioning { get; init; }

    /// <summary>The reason why the model cannot solve problems, as the end of a sentence; null where it can.</summary>
    public string? Missing { get; init; }

    /// <summary>The spacing of a solver's timesteps, from the scheduler's config; solvers have their own for <see cref="TimestepSpacing.Leading"/>.</summary>
    public TimestepSpacing TimestepSpacing { get; init; }

    /// <summary>True where the last step of a solver's grid ends without noise rather than with that of timestep 0.</summary>
    public bool SetAlphaToOne { get; init; }

    /// <summary>The backends of its networks; null for a model without networks.</summary>
    public ModelBackends? Backends { get; init; }

    /// <summary>The gradients that its networks give.</summary>
    public ModelGradients Gradients { get; init; } = ModelGradients.All;

    /// <summary>The denoiser's precision; the autoencoder computes in float32, unless it is a file of another type.</summary>
    public string Precision { get; init; } = "float32";

    /// <summary>Terms of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>SHA-256 over the hashes of the files that make up the model. Null before the model was loaded, unless its card declares them all.</summary>
    public string? Hash { get; init; }
}
