using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace InverseSolver.Diffusion.Weights;

/// <summary>
/// A safetensors file. Its header is checked completely when it is opened; no tensor is read before it is asked for. It is read, not mapped: a mapped file
/// that becomes shorter ends the process.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly Dictionary<string, SafetensorsEntry> _entries;
    private readonly SafeFileHandle _file;
    private readonly FileStamp _stamp;
    private readonly long _dataStart;

    private SafetensorsFile(string name, Dictionary<string, SafetensorsEntry> entries, SafeFileHandle file, FileStamp stamp, long dataStart, string? sha256)
    {
        Name = name;
        _entries = entries;
        _file = file;
        _stamp = stamp;
        _dataStart = dataStart;
        Sha256 = sha256;
    }

    /// <summary>The file's name, without its folder.</summary>
    public string Name { get; }

    /// <summary>The hash of the whole file in small hexadecimal digits, where it was asked for.</summary>
    public string? Sha256 { get; }

    /// <summary>Every tensor in it, by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => _entries;

    /// <summary>The first byte after the header, where offsets count from.</summary>
    internal long DataStart => _dataStart;

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="hash">True to take its SHA-256, from the same open file that the tensors are read from.</param>
    /// <exception cref="InvalidModelException">It is missing, a pickle, truncated, or its header contradicts itself or the file.</exception>
    public static SafetensorsFile Open(string path, bool hash = false)
    {
        string name = Path.GetFileName(path);
        if (!Path.Exists(path))
        {
            throw new InvalidModelException(MissingText(path, name));
        }

        SafeFileHandle file = ModelFile.Open(path, name);
        try
        {
            return Open(file, name, hash);
        }
        catch (Exception e)
        {
            file.Dispose();
            throw e is IOException or UnauthorizedAccessException ? new InvalidModelException($"{name} cannot be read.", e) : e;
        }
    }

    private static SafetensorsFile Open(SafeFileHandle file, string name, bool hash)
    {
        FileStamp stamp = ModelFile.StampOf(file);
        long length = stamp.Bytes;
        var start = new byte[Math.Min(8, length)];
        Fill(file, start, 0, name);
        int got = start.Length;
        RefusePickle(start.AsSpan(0, got), length, name);
        if (got < 8)
        {
            throw new InvalidModelException($"{name} is truncated: {length} bytes hold no safetensors header.");
        }

        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (headerBytes > SafetensorsHeader.MaxBytes)
        {
            throw new InvalidModelException(
                $"{name} is not a safetensors file: it announces a header of {headerBytes} bytes; at most {SafetensorsHeader.MaxBytes} are read.");
        }

        if ((long)headerBytes > length - 8)
        {
            throw new InvalidModelException($"{name} is truncated: its header of {headerBytes} bytes does not fit into the file.");
        }

        var header = new byte[headerBytes];
        Fill(file, header, 8, name);
        long dataStart = 8 + (long)headerBytes;
        Dictionary<string, SafetensorsEntry> entries = SafetensorsHeader.Parse(header, length - dataStart, name);

        return new SafetensorsFile(name, entries, file, stamp, dataStart, hash ? ModelFile.HashOf(file, length, name) : null);
    }

    /// <summary>Copies a tensor's bytes out of the file.</summary>
    /// <param name="entry">One of <see cref="Entries"/>.</param>
    /// <param name="destination">At least <see cref="SafetensorsEntry.Length"/> bytes.</param>
    public void CopyBytes(SafetensorsEntry entry, Span<byte> destination)
    {
        Fill(_file, destination[..(int)entry.Length], _dataStart + entry.Begin, Name);
    }

    /// <summary>Refuses a file that was written to after it was opened: its content is not that of its hash.</summary>
    /// <exception cref="InvalidModelException">It was.</exception>
    internal void CheckUnchanged()
    {
        if (ModelFile.StampOf(_file) != _stamp)
        {
            throw new InvalidModelException($"{Name} changed while it was read.");
        }
    }

    /// <summary>A tensor as it is stored, on the CPU. A NaN or an infinity in it is an error.</summary>
    /// <param name="name">Its key.</param>
    /// <returns>A new tensor of the stored type (F32, F16, BF16, F64, I64).</returns>
    /// <exception cref="InvalidModelException">There is none of that name, its type is not read, or it is not finite.</exception>
    public Tensor Read(string name)
    {
        string who = $"{Name}: tensor {InvalidModelException.Quote(name)}";
        if (!_entries.TryGetValue(name, out SafetensorsEntry? entry))
        {
            throw new InvalidModelException($"{who} is missing.");
        }

        ScalarType type = entry.Type switch
        {
            "F32" => ScalarType.Float32,
            "F16" => ScalarType.Float16,
            "BF16" => ScalarType.BFloat16,
            "F64" => ScalarType.Float64,
            "I64" => ScalarType.Int64,
            _ => throw new InvalidModelException($"{who} has the element type {entry.Type}; F32, F16 and BF16 are supported."),
        };
        if (entry.Length > Array.MaxLength)
        {
            throw new InvalidModelException($"{who} is larger than 2 GiB.");
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, (int)entry.Length));
        try
        {
            Span<byte> bytes = buffer.AsSpan(0, (int)entry.Length);
            CopyBytes(entry, bytes);
            if (!Finite.All(bytes, entry.Type))
            {
                throw new InvalidModelException($"{who} holds a NaN or an infinity.");
            }

            return torch.from_bytes(bytes, [.. entry.Shape], type);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
    }

    private static void Fill(SafeFileHandle file, Span<byte> bytes, long offset, string name)
    {
        while (!bytes.IsEmpty)
        {
            int got = RandomAccess.Read(file, bytes, offset);
            if (got == 0)
            {
                throw new InvalidModelException($"{name} was truncated while it was read.");
            }

            bytes = bytes[got..];
            offset += got;
        }
    }

    private static string MissingText(string path, string name)
    {
        string folder = Path.GetDirectoryName(path) ?? ".";
        string? pickle = Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder).Select(Path.GetFileName)
                .FirstOrDefault(f => Path.GetExtension(f) is ".bin" or ".ckpt" or ".pt" or ".pth" or ".pkl")
            : null;
        return pickle is null
            ? $"{name} is missing."
            : $"{name} is missing; {pickle} beside it is a pickle, which can run code when it is read and is refused: convert it to safetensors.";
    }

    private static void RefusePickle(ReadOnlySpan<byte> start, long length, string name)
    {
        bool zip = start.StartsWith("PK\x03\x04"u8);

        // A header of 0x0280 bytes starts like a pickle of protocol 2; unlike a pickle's, its length fits the file.
        bool pickle = start.Length >= 2 && start[0] == 0x80 && start[1] is >= 1 and <= 5
            && (start.Length < 8 || BinaryPrimitives.ReadUInt64LittleEndian(start) > (ulong)(length - 8));
        if (zip || pickle)
        {
            throw new InvalidModelException(
                $"{name} is a pickle{(zip ? " in a zip archive" : "")}, not a safetensors file; "
                    + "pickles can run code when they are read and are refused: convert it to safetensors.");
        }
    }
}
