using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;

namespace InverseSolver.Diffusion.Weights;

/// <summary>Writes a safetensors file, one tensor after the other.</summary>
internal static class SafetensorsWriter
{
    /// <param name="path">The file; it must not exist.</param>
    /// <param name="tensors">Name, type and shape of each tensor, and the source of its bytes.</param>
    /// <returns>The file's SHA-256 in small hexadecimal digits.</returns>
    internal static string Write(string path, IReadOnlyList<(string Name, string Type, long[] Shape, Func<byte[]> Bytes)> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using FileStream stream = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        byte[] header = Header(tensors, out long[] lengths);
        Append(header);
        for (int i = 0; i < tensors.Count; i++)
        {
            byte[] bytes = tensors[i].Bytes();
            if (bytes.Length != lengths[i])
            {
                throw new ArgumentException($"The tensor {tensors[i].Name} has {bytes.Length} bytes; its shape asks for {lengths[i]}.", nameof(tensors));
            }

            Append(bytes);
        }

        stream.Flush(flushToDisk: true);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(byte[] bytes)
        {
            hash.AppendData(bytes);
            stream.Write(bytes);
        }
    }

    private static byte[] Header(IReadOnlyList<(string Name, string Type, long[] Shape, Func<byte[]> Bytes)> tensors, out long[] lengths)
    {
        using var buffer = new MemoryStream();
        buffer.Write(new byte[8]);
        lengths = new long[tensors.Count];
        using (var json = new Utf8JsonWriter(buffer))
        {
            long at = 0;
            json.WriteStartObject();
            for (int i = 0; i < tensors.Count; i++)
            {
                (string name, string type, long[] shape, _) = tensors[i];
                lengths[i] = shape.Aggregate((long)SafetensorsEntry.ElementBytes(type), (product, size) => checked(product * size));
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                WriteNumbers(json, "shape", shape);
                WriteNumbers(json, "data_offsets", [at, at += lengths[i]]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // The data begin at a multiple of eight, as the format asks for.
        while (buffer.Length % 8 != 0)
        {
            buffer.WriteByte((byte)' ');
        }

        byte[] bytes = buffer.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(bytes, bytes.Length - 8);
        return bytes;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, long[] numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }
}
