using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Writes safetensors files, good ones and bad ones.</summary>
internal sealed class SafetensorsBuilder
{
    private readonly List<byte> _data = [];

    public JsonObject Header { get; } = [];

    /// <summary>The tensors of an existing file.</summary>
    public static SafetensorsBuilder From(string path)
    {
        var builder = new SafetensorsBuilder();
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (SafetensorsEntry entry in file.Entries.Values)
        {
            var bytes = new byte[entry.Length];
            file.CopyBytes(entry, bytes);
            builder.Add(entry.Name, entry.Type, [.. entry.Shape], bytes);
        }

        return builder;
    }

    public SafetensorsBuilder Add(string name, float[] values) => Add(name, "F32", [values.Length], MemoryMarshal.AsBytes<float>(values).ToArray());

    public SafetensorsBuilder Add(string name, string type, long[] shape, byte[] bytes)
    {
        Header[name] = new JsonObject
        {
            ["dtype"] = type,
            ["shape"] = new JsonArray([.. shape.Select(s => (JsonNode)s)]),
            ["data_offsets"] = new JsonArray(_data.Count, _data.Count + bytes.Length),
        };
        _data.AddRange(bytes);
        return this;
    }

    /// <summary>The same tensors with one changed, or left out where the change gives null.</summary>
    public SafetensorsBuilder With(string name, Func<(long[] Shape, byte[] Bytes), (long[] Shape, byte[] Bytes)?> change)
    {
        var result = new SafetensorsBuilder();
        foreach ((string key, JsonNode? entry) in Header)
        {
            int begin = entry!["data_offsets"]![0]!.GetValue<int>(), end = entry["data_offsets"]![1]!.GetValue<int>();
            (long[], byte[])? tensor = ([.. entry["shape"]!.AsArray().Select(s => s!.GetValue<long>())], [.. _data[begin..end]]);
            tensor = key == name ? change(tensor.Value) : tensor;
            if (tensor is var (shape, bytes))
            {
                result.Add(key, entry["dtype"]!.GetValue<string>(), shape, bytes);
            }
        }

        return result;
    }

    public byte[] ToBytes() => ToBytes(Header.ToJsonString());

    public byte[] ToBytes(string header)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + _data.Count];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)json.Length);
        json.CopyTo(bytes, 8);
        _data.CopyTo(bytes, 8 + json.Length);
        return bytes;
    }
}
