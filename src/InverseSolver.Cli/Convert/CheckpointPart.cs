using System.Globalization;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Convert;

/// <summary>The tensors of a checkpoint under one prefix, with a record of those that were used.</summary>
internal sealed class CheckpointPart
{
    private const int MaxBlocks = 1000, MaxSize = 1 << 24;
    private readonly Checkpoint checkpoint;
    private readonly string prefix;
    private readonly bool averaged;
    private readonly HashSet<string> names, unused;

    /// <param name="checkpoint">The file.</param>
    /// <param name="prefix">With its last dot; empty for the whole file.</param>
    /// <param name="averaged">True to take the exponential moving averages of the tensors in their place.</param>
    internal CheckpointPart(Checkpoint checkpoint, string prefix, bool averaged = false)
    {
        this.checkpoint = checkpoint;
        this.prefix = prefix;
        this.averaged = averaged;
        names = [.. checkpoint.Tensors.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..])];
        unused = [.. names];
        if (averaged && names.Select(AverageOf).Distinct().Count() != names.Count)
        {
            throw Strange("two of its tensors have the same name among the moving averages");
        }
    }

    internal Checkpoint Checkpoint => checkpoint;

    internal bool IsEmpty => names.Count == 0;

    /// <summary>Names below a path, without it.</summary>
    internal IEnumerable<string> Below(string path) =>
        names.Where(name => name.StartsWith(path + '.', StringComparison.Ordinal)).Select(name => name[(path.Length + 1)..]).Order(StringComparer.Ordinal);

    internal bool Has(string name) => names.Contains(name);

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
        checkpoint.Tensors.TryGetValue(prefix + name, out CheckpointTensor? tensor) ? tensor
            : throw new InvalidModelException($"{checkpoint.Name}: tensor {InvalidModelException.Quote(prefix + name)} is missing.");

    /// <summary>A size of a tensor that must be there.</summary>
    internal int Size(string name, int dimension)
    {
        long[] shape = Peek(name).Shape;
        return dimension < shape.Length && shape[dimension] is > 0 and <= MaxSize
            ? (int)shape[dimension]
            : throw Strange(
                $"{InvalidModelException.Quote(prefix + name)} has the shape {Peek(name).ShapeText}, which does not occur in networks of this kind");
    }

    /// <summary>A tensor, or its average.</summary>
    internal CheckpointTensor Take(string name)
    {
        CheckpointTensor raw = Peek(name);
        unused.Remove(name);
        if (!averaged)
        {
            return raw;
        }

        return checkpoint.Tensors.TryGetValue(AverageOf(name), out CheckpointTensor? average) && average.Shape.SequenceEqual(raw.Shape)
            ? average
            : throw new InvalidModelException(
                $"{checkpoint.Name}: there are moving averages (model_ema), but none of {InvalidModelException.Quote(prefix + name)} in its "
                    + "shape; use the raw weights instead (--raw).");
    }

    /// <summary>Takes note of tensors that are not needed.</summary>
    internal void Ignore(Func<string, bool> which) => unused.RemoveWhere(name => which(name));

    /// <summary>Refuses unused tensors: the network would not be the one that was trained.</summary>
    internal void Finish()
    {
        if (unused.Count > 0)
        {
            throw Strange(
                $"{InvalidModelException.Quote(prefix + unused.Min(StringComparer.Ordinal)!)} has no place in a network of this kind ({unused.Count} such)");
        }
    }

    internal InvalidModelException Strange(string what) => new($"{checkpoint.Name}: {what}.");

    /// <summary>The averages' names have no dots, but for the one after the prefix.</summary>
    private string AverageOf(string name) => "model_ema." + (prefix["model.".Length..] + name).Replace(".", "", StringComparison.Ordinal);
}
