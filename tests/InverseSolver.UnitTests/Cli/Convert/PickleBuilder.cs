using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace InverseSolver.UnitTests.Cli.Convert;

/// <summary>Writes pickles step by step, and archives as torch.save does, good ones and bad ones.</summary>
internal sealed class PickleBuilder
{
    private readonly List<byte> _bytes = [0x80, 2];

    public PickleBuilder Step(char code, params byte[] arguments)
    {
        _bytes.Add((byte)code);
        _bytes.AddRange(arguments);
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

    public byte[] ToBytes() => [.. _bytes, (byte)'.'];

    /// <summary>An archive with one tensor named a.</summary>
    public static byte[] ArchiveOf(long elements, long offset, long[] shape, long[] strides, int storageBytes, string storage = "FloatStorage") => Archive(
        new PickleBuilder().Step('}').Step('(').Text("a").Tensor("0", elements, offset, shape, strides, storage).Step('u').ToBytes(),
        ("x/data/0", [.. Enumerable.Range(0, storageBytes).Select(i => (byte)(i % 64))]));

    public static byte[] Archive(byte[] pickle, params (string Name, byte[] Bytes)[] entries) =>
        Zip(CompressionLevel.NoCompression, [("x/data.pkl", pickle), .. entries]);

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

    /// <summary>An archive whose directory has all sizes and places in the fields for large files.</summary>
    public static byte[] Zip64(params (string Name, byte[] Bytes)[] entries)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        var places = new List<long>();
        foreach ((string name, byte[] content) in entries)
        {
            places.Add(memory.Position);
            writer.Write(0x04034B50);
            writer.Write(new byte[22]);
            writer.Write((ushort)name.Length);
            writer.Write((ushort)0);
            writer.Write(Encoding.ASCII.GetBytes(name));
            writer.Write(content);
        }

        long directory = memory.Position;
        for (int i = 0; i < entries.Length; i++)
        {
            writer.Write(0x02014B50);
            writer.Write(new byte[16]);
            writer.Write(uint.MaxValue);
            writer.Write(uint.MaxValue);
            writer.Write((ushort)entries[i].Name.Length);
            writer.Write((ushort)28);
            writer.Write(new byte[10]);
            writer.Write(uint.MaxValue);
            writer.Write(Encoding.ASCII.GetBytes(entries[i].Name));
            writer.Write((ushort)1);
            writer.Write((ushort)24);
            writer.Write((long)entries[i].Bytes.Length);
            writer.Write((long)entries[i].Bytes.Length);
            writer.Write(places[i]);
        }

        long end = memory.Position;
        writer.Write(0x06064B50);
        writer.Write(44L);
        writer.Write(new byte[20]);
        writer.Write((long)entries.Length);
        writer.Write(end - directory);
        writer.Write(directory);
        writer.Write(0x07064B50);
        writer.Write(0);
        writer.Write(end);
        writer.Write(1);
        writer.Write(0x06054B50);
        writer.Write(new byte[4]);
        writer.Write(ushort.MaxValue);
        writer.Write(ushort.MaxValue);
        writer.Write(uint.MaxValue);
        writer.Write(uint.MaxValue);
        writer.Write((ushort)0);
        return memory.ToArray();
    }
}
