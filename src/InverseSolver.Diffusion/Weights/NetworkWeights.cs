namespace InverseSolver.Diffusion.Weights;

/// <summary>
/// Hands a network its tensors by name with the shape that its config implies, and owns them from then on. A tensor that is missing, of another
/// shape or not finite is an error, and so is an unused one.
/// </summary>
internal sealed class NetworkWeights : IDisposable
{
    private readonly WeightFiles _files;
    private readonly HashSet<string> _unused;
    private readonly List<Tensor> _owned = [];
    private readonly bool _channelsLast;

    internal NetworkWeights(WeightFiles files, Device device, ScalarType type = ScalarType.Float32, bool channelsLast = false)
    {
        _files = files;
        Device = device;
        Type = type;
        _channelsLast = channelsLast;
        _unused = new HashSet<string>(files.Tensors.Keys, StringComparer.Ordinal);
    }

    internal Device Device { get; }

    internal ScalarType Type { get; }

    /// <summary>Bytes of the weights where they are.</summary>
    internal long Bytes => _owned.Sum(tensor => tensor.numel() * SafetensorsEntry.ElementBytes(tensor.dtype));

    internal WeightScope Root => new(this, "");

    internal bool Has(string name) => _files.Tensors.ContainsKey(name);

    internal Tensor Take(string name, long[] shape)
    {
        if (!_files.Tensors.TryGetValue(name, out (SafetensorsFile File, SafetensorsEntry Entry) found))
        {
            throw new InvalidModelException($"{_files.Name}: tensor {InvalidModelException.Quote(name)} is missing{Prefixed(name, _files.Tensors.Keys)}.");
        }

        (SafetensorsFile file, SafetensorsEntry entry) = found;
        string who = $"{file.Name}: tensor {InvalidModelException.Quote(name)}";
        if (!entry.Shape.SequenceEqual(shape))
        {
            throw new InvalidModelException($"{who} has the shape {entry.ShapeText}; the config requires ({string.Join(", ", shape)}).");
        }

        if (entry.Type is not ("F32" or "F16" or "BF16" or "F64"))
        {
            throw new InvalidModelException($"{who} has the element type {entry.Type}; F32, F16 and BF16 are supported.");
        }

        using DisposeScope scope = torch.NewDisposeScope();
        Tensor tensor = file.Read(name).to(Type, Device);

        // A convolution's output has the memory order of its weights, so this line decides for all feature maps.
        tensor = (_channelsLast && shape.Length == 4 ? tensor.channels_last() : tensor).DetachFromDisposeScope();
        _owned.Add(tensor);
        _unused.Remove(name);
        return tensor;
    }

    /// <summary>The end of a message on a missing tensor, where all names have a prefix, which wrappers for training leave.</summary>
    internal static string Prefixed(string name, IEnumerable<string> names)
    {
        string? prefix = names.FirstOrDefault(other => other.EndsWith("." + name, StringComparison.Ordinal))?[..^name.Length];
        return prefix is null || !names.All(other => other.StartsWith(prefix, StringComparison.Ordinal)) ? ""
            : $"; all names begin with {InvalidModelException.Quote(prefix)}{(prefix == "module." ? ", as PyTorch's DataParallel has it" : "")}: "
                + "save the network that is wrapped (in Python, model.module), or remove that prefix from the names";
    }

    /// <summary>Keeps a tensor that was made rather than read, with the weights.</summary>
    internal Tensor Own(Tensor tensor)
    {
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    /// <summary>Takes note of a tensor that is stored but not needed.</summary>
    internal void Ignore(string name) => _unused.Remove(name);

    /// <summary>Refuses unused tensors.</summary>
    internal void Finish()
    {
        if (_unused.Count > 0)
        {
            throw new InvalidModelException(
                $"{_files.Name}: tensor {InvalidModelException.Quote(_unused.Min(StringComparer.Ordinal)!)} has no place in the "
                    + $"network that the config describes ({_unused.Count} such).");
        }
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _owned)
        {
            tensor.Dispose();
        }

        _owned.Clear();
    }
}
