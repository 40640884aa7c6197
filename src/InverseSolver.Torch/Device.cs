namespace InverseSolver.Torch;

/// <summary>Kinds of device, with PyTorch's numbers.</summary>
public enum DeviceType
{
    /// <summary>The host.</summary>
    CPU = 0,

    /// <summary>An NVIDIA GPU.</summary>
    CUDA = 1,
}

/// <summary>Where a tensor lives.</summary>
/// <param name="Type">Kind of device.</param>
/// <param name="Index">Which GPU; -1 for the current one and for the host.</param>
public readonly record struct Device(DeviceType Type, int Index = -1)
{
    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <exception cref="ArgumentException">Anything else.</exception>
    public static Device Parse(string text) => text switch
    {
        "cpu" => new Device(DeviceType.CPU),
        "cuda" => new Device(DeviceType.CUDA, 0),
        _ when text.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(text.AsSpan(5), out int index) && index >= 0
            => new Device(DeviceType.CUDA, index),
        _ => throw new ArgumentException($"'{text}' is no device: cpu, cuda or cuda:N", nameof(text)),
    };

    /// <summary>The host is the host, whatever its index.</summary>
    public bool Equals(Device other) => Type == other.Type && (Type == DeviceType.CPU || Index == other.Index);

    /// <inheritdoc/>
    public override int GetHashCode() => Type == DeviceType.CPU ? 0 : Index + 1;

    /// <inheritdoc/>
    public override string ToString() => Type == DeviceType.CPU ? "cpu" : Index < 0 ? "cuda" : $"cuda:{Index}";
}
