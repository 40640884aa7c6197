using System.Text;

namespace InverseSolver.UnitTests.Diffusion.Backends;

/// <summary>Writes ONNX files field by field, wrong ones too. Numbers of fields are onnx.proto's.</summary>
internal static class OnnxBuilder
{
    internal const int FloatType = 1, LongType = 7, HalfType = 10;

    /// <summary>A ModelProto of opset 17.</summary>
    public static byte[] Model(byte[] graph, params byte[][] more) =>
        [.. Number(1, 8), .. Part(8, [.. Text(1, ""), .. Number(2, 17)]), .. Part(7, graph), .. more.SelectMany(field => field)];

    /// <summary>A GraphProto of nodes, initializers, inputs and outputs, made by the functions below.</summary>
    public static byte[] Graph(params byte[][] fields) => [.. Text(2, "g"), .. fields.SelectMany(field => field)];

    public static byte[] Node(string operation, string[] inputs, string[] outputs, string domain = "", params byte[][] attributes) => Part(1,
        [.. inputs.SelectMany(name => Text(1, name)), .. outputs.SelectMany(name => Text(2, name)), .. Text(4, operation),
            .. attributes.SelectMany(a => Part(5, a)), .. Text(7, domain)]);

    /// <summary>An AttributeProto with a whole number.</summary>
    public static byte[] Attribute(string name, long value) => [.. Text(1, name), .. Number(3, value), .. Number(20, 2)];

    public static byte[] Input(string name, int type, params long?[] shape) => Value(11, name, type, shape);

    public static byte[] Output(string name, int type, params long?[] shape) => Value(12, name, type, shape);

    /// <summary>An initializer with values in the file.</summary>
    public static byte[] Initializer(string name, int type, long[] shape, byte[] raw) => Part(5, Tensor(name, type, shape, Part(9, raw)));

    /// <summary>An initializer with values in another file.</summary>
    public static byte[] External(string name, long[] shape, params (string Key, string Value)[] entries) => Part(5, ExternalTensor(name, shape, entries));

    public static byte[] ExternalTensor(string name, long[] shape, params (string Key, string Value)[] entries) =>
        Tensor(name, FloatType, shape, [.. entries.SelectMany(e => Part(13, [.. Text(1, e.Key), .. Text(2, e.Value)])), .. Number(14, 1)]);

    public static byte[] Tensor(string name, int type, long[] shape, byte[] rest) =>
        [.. shape.SelectMany(size => Number(1, size)), .. Number(2, type), .. Text(8, name), .. rest];

    public static byte[] Part(int field, byte[] bytes) => [.. Varint((ulong)field << 3 | 2), .. Varint((ulong)bytes.Length), .. bytes];

    public static byte[] Text(int field, string text) => Part(field, Encoding.UTF8.GetBytes(text));

    public static byte[] Number(int field, long value) => [.. Varint((ulong)field << 3), .. Varint(unchecked((ulong)value))];

    private static byte[] Value(int field, string name, int type, long?[] shape) => Part(field,
    [
        .. Text(1, name),
        .. Part(2, Part(1, [.. Number(1, type), .. Part(2, [.. shape.SelectMany(size => Part(1, size is { } n ? Number(1, n) : Text(2, "open")))])])),
    ]);

    private static IEnumerable<byte> Varint(ulong value)
    {
        for (; value >= 128; value >>= 7)
        {
            yield return (byte)(value | 128);
        }

        yield return (byte)value;
    }
}
