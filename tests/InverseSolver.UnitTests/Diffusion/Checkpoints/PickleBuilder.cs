using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace InverseSolver.UnitTests.Diffusion.Checkpoints;

/// <summary>Writes pickles step by step, and archives as torch.save does, good ones and bad ones.</summary>
internal sealed class PickleBuilder
{
    private readonly List<byte> bytes = [0x80, 2];

    public PickleBuilder Step(char code, params byte[] arguments)
    {
        bytes.Add((byte)code);
        bytes.AddRange(arguments);
        return this;
    }

    public PickleBuilder Text(string text)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, Encoding.UTF8.GetByteCount(text));
        return Step('X', [.. length, .. Encoding.UTF8.GetBytes(text)]);
    }

    public PickleBuilder Integer(long value)
    {
        var digits = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(digits, value);
        return Step((char)0x8A, [8, .. digits]);
    }

    public PickleBuilder Global(string module, string name) => Step('c', Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public PickleBuilder Integers(params long[] values)
    {
        Step('(');
        foreach (long value in values)
        {
            Integer(value);
        }

        return Step('t');
    }

    /// <summary>A tensor as torch.save describes it.</summary>
    public PickleBuilder Tensor(string key, long elements, long offset, long[] shape, long[] strides, string storage = "FloatStorage")
    {
        Global("torch._utils", "_rebuild_tensor_v2").Step('(');
        Step('(').Text("storage").Global("torch", storage).Text(key).Text("cpu").Integer(elements).Step('t').Step('Q');
        Integer(offset).Integers(shape).Integers(strides);
        return Step((char)0x89).Global("collections", "OrderedDict").Step(')').Step('R').Step('t').Step('R');
    }

    public byte[] ToBytes() => [.. bytes, (byte)'.'];

    /// <summary>An archive with one tensor named a.</summary>
    public static byte[] ArchiveOf(long elements, long offset, long[] shape, long[] strides, int storageBytes, string storage = "FloatStorage") => Archive(
        new PickleBuilder().Step('}').Step('(').Text("a").Tensor("0", elements, offset, shape, strides, storage).Step('u').ToBytes(),
        ("x/data/0", [.. Enumerable.Range(0, storageBytes).Select(i => (byte)(i % 64))]));

    public static byte[] Archive(byte[] pickle, params (string Name, byte[] Bytes)[] entries) => Zip(CompressionLevel.NoCompression, [("x/data.pkl", pickle), .. entries]);

    public static byte[] Zip(CompressionLevel level, params (string Name, byte[] Bytes)[] entries)
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in entries)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(content);
            }
        }

        return memory.ToArray();
    }
}
