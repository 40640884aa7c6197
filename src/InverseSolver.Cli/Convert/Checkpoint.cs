using System.Security.Cryptography;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Cli.Convert;

/// <summary>The tensors of a checkpoint file, written by torch.save or as safetensors. Elements stay in the file until they are asked for.</summary>
internal sealed class Checkpoint : IDisposable
{
    private const int MaxPickleEntry = PickleReader.MaxBytes;
    private const long MaxTensorBytes = int.MaxValue - 64;
    private readonly FileStream _stream;

    private Checkpoint(FileStream stream, string name, string format, Dictionary<string, CheckpointTensor> tensors)
    {
        _stream = stream;
        Name = name;
        Format = format;
        Tensors = tensors;
    }

    /// <summary>The file's name, without its folder.</summary>
    internal string Name { get; }

    /// <summary>Its readable description.</summary>
    internal string Format { get; }

    /// <summary>Bytes of the file.</summary>
    internal long Length => _stream.Length;

    internal IReadOnlyDictionary<string, CheckpointTensor> Tensors { get; }

    /// <summary>Opens a checkpoint and finds its tensors.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidModelException">It is missing, neither of the two formats, damaged, or holds more than tensors.</exception>
    internal static Checkpoint Open(string path)
    {
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
        {
            throw new InvalidModelException($"{name} is missing.");
        }

        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var start = new byte[8];
            int got = stream.ReadAtLeast(start, 8, throwOnEndOfStream: false);
            return start.AsSpan(0, got).StartsWith("PK"u8) ? OfArchive(stream, name)
                : IsOldPickle(start.AsSpan(0, got)) ? throw new InvalidModelException(
                    $"{name} is a pickle of PyTorch before 1.6, which is not supported: "
                        + "load it once with PyTorch and save it again, or write a safetensors copy (docs/models.md).")
                : OfSafetensors(stream, path, name);
        }
        catch (Exception e)
        {
            stream?.Dispose();
            throw e is IOException or UnauthorizedAccessException ? new InvalidModelException($"{name} cannot be read.", e) : e;
        }
    }

    /// <summary>A tensor's bytes in the order of its indices, the last one running fastest.</summary>
    internal byte[] Read(CheckpointTensor tensor)
    {
        int size = SafetensorsEntry.ElementBytes(tensor.Type);
        long extent = Extent(tensor.Shape, tensor.Strides) * size;
        if (tensor.Bytes > MaxTensorBytes || extent > MaxTensorBytes)
        {
            throw new InvalidModelException($"{Name}: tensor {InvalidModelException.Quote(tensor.Name)} is larger than 2 GiB.");
        }

        var bytes = new byte[tensor.Bytes];
        if (tensor.IsContiguous)
        {
            _stream.Position = tensor.Offset;
            _stream.ReadExactly(bytes);
            return bytes;
        }

        var spread = new byte[extent];
        _stream.Position = tensor.Offset;
        _stream.ReadExactly(spread);
        var index = new long[tensor.Shape.Length];
        for (int to = 0; to < bytes.Length; to += size)
        {
            long from = 0;
            for (int i = 0; i < index.Length; i++)
            {
                from += index[i] * tensor.Strides[i];
            }

            spread.AsSpan((int)from * size, size).CopyTo(bytes.AsSpan(to));
            for (int i = index.Length - 1; i >= 0 && ++index[i] == tensor.Shape[i]; i--)
            {
                index[i] = 0;
            }
        }

        return bytes;
    }

    /// <summary>The hash of the whole file, in small hexadecimal digits.</summary>
    internal string Sha256()
    {
        _stream.Position = 0;
        return System.Convert.ToHexStringLower(SHA256.HashData(_stream));
    }

    public void Dispose() => _stream.Dispose();

    private static bool IsOldPickle(ReadOnlySpan<byte> start) =>
        start.Length >= 4 && start[0] == 0x80 && start[1] is >= 2 and <= 5 && start[2] == 0x8A && start[3] == 0x0A;

    private static Checkpoint OfSafetensors(FileStream stream, string path, string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return new Checkpoint(stream, name, "safetensors", file.Entries.Values.ToDictionary(
            entry => entry.Name,
            entry =>
                new CheckpointTensor(
                    entry.Name, entry.Type, [.. entry.Shape], CheckpointTensor.ContiguousStrides([.. entry.Shape]), file.DataStart + entry.Begin, entry.Length),
            StringComparer.Ordinal));
    }

    private static Checkpoint OfArchive(FileStream stream, string name)
    {
        TorchArchive archive = TorchArchive.Open(stream, name);
        object? root = PickleReader.Read(archive.Read("data.pkl", MaxPickleEntry), name);
        if (root is not PickleDictionary dictionary)
        {
            throw new InvalidModelException($"{name} holds no dictionary of tensors.");
        }

        PickleDictionary states = dictionary.Items.TryGetValue("state_dict", out object? state) && state is PickleDictionary inner ? inner : dictionary;
        var tensors = new Dictionary<string, CheckpointTensor>(StringComparer.Ordinal);
        foreach ((string key, object? value) in states.Items)
        {
            if (value is PickleTensor tensor)
            {
                tensors.Add(key, Placed(key, tensor, archive, name));
            }
        }

        return new Checkpoint(stream, name, "PyTorch archive", tensors);
    }

    private static CheckpointTensor Placed(string key, PickleTensor tensor, TorchArchive archive, string file)
    {
        string who = $"{file}: tensor {InvalidModelException.Quote(key)}";
        int size = SafetensorsEntry.ElementBytes(tensor.Storage.Type);
        (long start, long length) = archive.Find($"data/{tensor.Storage.Key}");
        if (tensor.Storage.Elements != length / size || length % size != 0)
        {
            throw new InvalidModelException(
                $"{who}: its storage should hold {tensor.Storage.Elements} elements of {tensor.Storage.Type}, but has {length} bytes.");
        }

        long elements = tensor.Shape.Length == tensor.Strides.Length ? Elements(tensor.Shape) : -1;
        long extent = elements < 0 || tensor.Strides.Any(step => step < 0) ? -1 : Extent(tensor.Shape, tensor.Strides);
        if (extent < 0 || tensor.Offset < 0 || tensor.Offset > length / size || extent > length / size - tensor.Offset || elements > length / size)
        {
            throw new InvalidModelException($"{who}: sizes, strides and offset exceed its storage of {length / size} elements.");
        }

        return new CheckpointTensor(key, tensor.Storage.Type, tensor.Shape, tensor.Strides, start + tensor.Offset * size, elements * size);
    }

    /// <summary>Elements of a shape, or -1 where a size is negative or their product exceeds 64 bits.</summary>
    private static long Elements(long[] shape) =>
        shape.Any(size => size < 0) ? -1 : shape.Contains(0) ? 0 : Sum(shape.Aggregate((Int128)1, (a, b) => Times(a, b)));

    /// <summary>Elements from the first to the last one that a view touches, or -1 where that exceeds 64 bits.</summary>
    private static long Extent(long[] shape, long[] strides) => shape.Contains(0) ? 0
        : Sum(shape.Zip(strides, (size, step) => Times(size - 1, step)).Aggregate((Int128)1, (a, b) => a + b));

    // Sixteen factors of 63 bits would wrap around even in 128 bits.
    private static Int128 Times(Int128 a, long b) => Int128.Min(a * b, (Int128)long.MaxValue + 1);

    private static long Sum(Int128 value) => value > long.MaxValue ? -1 : (long)value;
}
