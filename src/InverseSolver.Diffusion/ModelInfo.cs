using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion;

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

    /// <summary>What the denoiser computes in; the autoencoder always computes in float32.</summary>
    public string Precision { get; init; } = "float32";

    /// <summary>Terms of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>SHA-256 over the hashes of the files that make up the model. Null before the model was loaded, unless its card declares them all.</summary>
    public string? Hash { get; init; }
}
