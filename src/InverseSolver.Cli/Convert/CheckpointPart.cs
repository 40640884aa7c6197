using System.Globalization;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Convert;

/// <summary>The tensors of a checkpoint under one prefix, with a record of those that were used.</summary>
internal sealed class CheckpointPart
{
    private const int MaxBlocks = 1000, MaxSize = 1 << 24;
    private readonly Checkpoint _checkpoint;
    private readonly string _prefix;
    private readonly bool _averaged;
    private readonly HashSet<string> _names, _unused;

    /// <param name="checkpoint">The file.</param>
    /// <param name="prefix">With its last dot; empty for the whole file.</param>
    /// <param name="averaged">True to take the exponential moving averages of the tensors in their place.</param>
    internal CheckpointPart(Checkpoint checkpoint, string prefix, bool averaged = false)
    {
        _checkpoint = checkpoint;
        _prefix = prefix;
        _averaged = averaged;
        _names = [.. checkpoint.Tensors.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..])];
        _unused = [.. _names];
        if (averaged && _names.Select(AverageOf).Distinct().Count() != _names.Count)
        {
            throw Strange("two of its tensors have the same name among the moving averages");
        }
    }

    internal Checkpoint Checkpoint => _checkpoint;

    internal bool IsEmpty => _names.Count == 0;

    /// <summary>Names below a path, without it.</summary>
    internal IEnumerable<string> Below(string path) =>
        _names.Where(name => name.StartsWith(path + '.', StringComparison.Ordinal)).Select(name => name[(path.Length + 1)..]).Order(StringComparer.Ordinal);

    internal bool Has(string name) => _names.Contains(name);

    /// <summary>The number of numbered blocks below a path: the highest number plus one.</summary>
    internal int Count(string path)
    {
        int count = Below(path).Select(name =>
            int.TryParse(name.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < MaxBlocks
                ? index + 1
                : MaxBlocks + 1).DefaultIfEmpty().Max();
        return count <= MaxBlocks ? count : throw Strange($"'{path}' is not a list of at most {MaxBlocks} blocks");
    }

    internal CheckpointTensor Peek(string name) =>
        _checkpoint.Tensors.TryGetValue(_prefix + name, out CheckpointTensor? tensor) ? tensor
            : throw new InvalidModelException($"{_checkpoint.Name}: tensor {InvalidModelException.Quote(_prefix + name)} is missing.");

    /// <summary>A size of a tensor that must be there.</summary>
    internal int Size(string name, int dimension)
    {
        long[] shape = Peek(name).Shape;
        return dimension < shape.Length && shape[dimension] is > 0 and <= MaxSize
            ? (int)shape[dimension]
            : throw Strange(
                $"{InvalidModelException.Quote(_prefix + name)} has the shape {Peek(name).ShapeText}, which does not occur in networks of this kind");
    }

    /// <summary>A tensor, or its average.</summary>
    internal CheckpointTensor Take(string name)
    {
        CheckpointTensor raw = Peek(name);
        _unused.Remove(name);
        if (!_averaged)
        {
            return raw;
        }

        return _checkpoint.Tensors.TryGetValue(AverageOf(name), out CheckpointTensor? average) && average.Shape.SequenceEqual(raw.Shape)
            ? average
            : throw new InvalidModelException(
                $"{_checkpoint.Name}: there are moving averages (model_ema), but none of {InvalidModelException.Quote(_prefix + name)} in its "
                    + "shape; use the raw weights instead (--raw).");
    }

    /// <summary>Takes note of tensors that are not needed.</summary>
    internal void Ignore(Func<string, bool> which) => _unused.RemoveWhere(name => which(name));

    /// <summary>Refuses unused tensors: the network would not be the one that was trained.</summary>
    internal void Finish()
    {
        if (_unused.Count > 0)
        {
            throw Strange(
                $"{InvalidModelException.Quote(_prefix + _unused.Min(StringComparer.Ordinal)!)} has no place in a network of this kind ({_unused.Count} such)");
        }
    }

    internal InvalidModelException Strange(string what) => new($"{_checkpoint.Name}: {what}.");

    /// <summary>The averages' names have no dots, but for the one after the prefix.</summary>
    private string AverageOf(string name) => "model_ema." + (_prefix["model.".Length..] + name).Replace(".", "", StringComparison.Ordinal);
}
