namespace InverseSolver.Diffusion;

/// <summary>The options for loading a model.</summary>
public sealed record ModelOptions
{
    /// <summary>The denoiser's precision. Float16 and BFloat16 need a GPU. The autoencoder always computes in Float32.</summary>
    public ScalarType DenoiserType { get; init; } = ScalarType.Float32;

    /// <summary>The precision of single models' denoisers, by id; <see cref="DenoiserType"/> holds for all others.</summary>
    public IReadOnlyDictionary<string, ScalarType> DenoiserTypes { get; init; } = new Dictionary<string, ScalarType>();

    /// <summary>
    /// True where convolutions keep their weights, and with them all feature maps, with the channels last: faster in half precision on a GPU.
    /// </summary>
    public bool ChannelsLast { get; init; }

    internal static string NameOf(ScalarType type) => type.ToString().ToLowerInvariant();

    /// <summary>The options of one model.</summary>
    internal ModelOptions For(string id) => DenoiserTypes.TryGetValue(id, out ScalarType type) ? this with { DenoiserType = type } : this;

    internal void Check(Device device)
    {
        if (DenoiserType is not (ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16))
        {
            throw new ArgumentException($"A denoiser computes in Float32, Float16 or BFloat16, not {DenoiserType}.");
        }

        if (DenoiserType != ScalarType.Float32 && device.type == DeviceType.CPU)
        {
            throw new ArgumentException($"On the CPU a denoiser computes in Float32, not {DenoiserType}.");
        }
    }
}
