namespace InverseSolver.Diffusion.Packages;

/// <summary>The reason why a model is unavailable.</summary>
public enum Unavailability
{
    /// <summary>There is no package of that id.</summary>
    Unknown,

    /// <summary>Its files are no longer the version that was asked for.</summary>
    Changed,

    /// <summary>Its weights are larger than the memory that models may take.</summary>
    TooLarge,

    /// <summary>Models in use occupy the memory; a later attempt may succeed.</summary>
    NoRoom,
}

/// <summary>A model that cannot be had: not at all, or not in the version or the memory that was asked for. Its text is fit for callers.</summary>
/// <param name="reason">Why.</param>
/// <param name="message">The same in a sentence, with versions or sizes.</param>
public sealed class ModelUnavailableException(Unavailability reason, string message) : Exception(message)
{
    /// <summary>The reason.</summary>
    public Unavailability Reason { get; } = reason;
}
