using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Cli.Convert;

/// <summary>A network of a package in conversion: its config, and the assignment of the checkpoint's tensors to its own.</summary>
internal sealed class ConvertedNetwork(CheckpointPart part, JsonObject config)
{
    private readonly List<(string Name, CheckpointTensor Source, long[] Shape, (long Start, long Count)[]? Rows)> _tensors = [];

    internal JsonObject Config => config;

    /// <summary>Bytes of all tensors.</summary>
    internal long Bytes =>
        _tensors.Sum(tensor => tensor.Shape.Aggregate((long)SafetensorsEntry.ElementBytes(tensor.Source.Type), (product, size) => product * size));

    internal void Tensor(string from, string to)
    {
        CheckpointTensor tensor = part.Take(from);
        _tensors.Add((to, tensor, tensor.Shape, null));
    }

    /// <summary>Weight and bias of a layer.</summary>
    internal void Layer(string from, string to)
    {
        Tensor($"{from}.weight", $"{to}.weight");
        Tensor($"{from}.bias", $"{to}.bias");
    }

    /// <summary>Weight and bias of a convolution over single positions, as a matrix; of its rows, where given, these in this order.</summary>
    internal void Matrix(string from, string to, (long Start, long Count)[]? rows = null)
    {
        CheckpointTensor weight = part.Take($"{from}.weight");
        if (weight.Shape.Length is < 2 or > 4 || weight.Shape.Skip(2).Any(size => size != 1))
        {
            throw part.Strange(
                $"{InvalidModelException.Quote(weight.Name)} has the shape {weight.ShapeText}; it must be a matrix or a convolution of width 1");
        }

        Rows(weight, $"{to}.weight", weight.Shape[..2], rows);
        CheckpointTensor bias = part.Take($"{from}.bias");
        Rows(bias, $"{to}.bias", bias.Shape, rows);
    }

    /// <summary>The first rows of a layer's weight and bias.</summary>
    internal void FirstRows(string from, string to, long count)
    {
        foreach (string name in (string[])["weight", "bias"])
        {
            CheckpointTensor tensor = part.Take($"{from}.{name}");
            Rows(tensor, $"{to}.{name}", tensor.Shape, [(0, count)]);
        }
    }

    /// <summary>Everything below a path, under its own names.</summary>
    internal void All(string from, string to)
    {
        foreach (string name in part.Below(from))
        {
            Tensor($"{from}.{name}", $"{to}.{name}");
        }
    }

    /// <summary>Writes the network's folder.</summary>
    /// <returns>The hash of the weights.</returns>
    internal string WriteWeights(string path, CancellationToken cancellation) => SafetensorsWriter.Write(path, [.. _tensors.Select(tensor =>
        (tensor.Name, tensor.Source.Type, tensor.Shape, (Func<byte[]>)(() =>
        {
            cancellation.ThrowIfCancellationRequested();
            return BytesOf(tensor.Source, tensor.Rows);
        })))]);

    private void Rows(CheckpointTensor source, string to, long[] shape, (long Start, long Count)[]? rows)
    {
        if (rows is null)
        {
            _tensors.Add((to, source, shape, null));
            return;
        }

        long last = rows.Max(range => range.Start + range.Count);
        if (shape.Length == 0 || shape[0] < last)
        {
            throw part.Strange($"{InvalidModelException.Quote(source.Name)} has the shape {source.ShapeText}; it must have at least {last} rows");
        }

        _tensors.Add((to, source, [rows.Sum(range => range.Count), .. shape[1..]], rows));
    }

    private byte[] BytesOf(CheckpointTensor source, (long Start, long Count)[]? rows)
    {
        byte[] all = part.Checkpoint.Read(source);
        if (rows is null)
        {
            return all;
        }

        int rowBytes = (int)(all.Length / source.Shape[0]), at = 0;
        var chosen = new byte[rows.Sum(range => range.Count) * rowBytes];
        foreach ((long start, long count) in rows)
        {
            all.AsSpan((int)start * rowBytes, (int)count * rowBytes).CopyTo(chosen.AsSpan(at));
            at += (int)count * rowBytes;
        }

        return chosen;
    }
}
