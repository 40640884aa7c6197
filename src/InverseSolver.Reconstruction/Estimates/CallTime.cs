namespace InverseSolver.Reconstruction.Estimates;

/// <summary>The kinds of calls of a model.</summary>
public enum CallKind
{
    /// <summary>The denoiser.</summary>
    Network,

    /// <summary>The denoiser with its gradient.</summary>
    NetworkGradient,

    /// <summary>The decoder.</summary>
    Decoder,

    /// <summary>The decoder with its gradient.</summary>
    DecoderGradient,

    /// <summary>The encoder.</summary>
    Encoder,

    /// <summary>The encoder with its gradient.</summary>
    EncoderGradient,
}

/// <summary>The measured time of a model's calls of one kind.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Items">Images in a call.</param>
/// <param name="Height">Height of the images.</param>
/// <param name="Width">Width of the images.</param>
/// <param name="Seconds">The mean time of a call.</param>
/// <param name="Calls">The number of calls that were timed.</param>
public sealed record CallTime(CallKind Kind, int Items, int Height, int Width, double Seconds, int Calls);
