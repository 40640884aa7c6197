using Google.Protobuf;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Backends;

/// <summary>An input or output of an ONNX graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ElementType">ONNX's number of its element type.</param>
/// <param name="Shape">Sizes, null where the file leaves one open; null as a whole where the file does not say.</param>
internal sealed record OnnxValue(string Name, int ElementType, long?[]? Shape);

/// <summary>
/// The description of an ONNX file, read from the whole file before ONNX Runtime opens it: inputs, outputs and files of external data. The reading refuses
/// features that no network needs, and false claims: external data anywhere but in plain files of the same folder and inside them, tensors whose values do not
/// fill their shape, operators of unknown domains, training graphs, random operators, deep nesting. Numbers of fields are those of onnx.proto (ONNX IR version
/// 13).
/// </summary>
internal sealed class OnnxFile
{
    internal const string FileName = "model.onnx";
    private const long MaxBytes = int.MaxValue;
    private const int MaxDepth = 16;
    private static readonly string[] _domains = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];
    private static readonly string[] _random = ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"];

    private readonly ProtobufReader reader;
    private readonly OnnxTensors tensors;
    private readonly Dictionary<string, OnnxValue> inputs = new(StringComparer.Ordinal);
    private readonly List<OnnxValue> outputs = [];
    private readonly HashSet<string> initialised = new(StringComparer.Ordinal), used = new(StringComparer.Ordinal), functions = new(StringComparer.Ordinal);

    private OnnxFile(string folder, string name, Stream stream)
    {
        reader = new ProtobufReader(stream, name);
        tensors = new OnnxTensors(reader, folder, name);
        ReadModel(stream.Length);
        if (used.FirstOrDefault(domain => !_domains.Contains(domain) && !functions.Contains(domain)) is { } unknown)
        {
            throw reader.Error($"it uses operators of the domain {InvalidModelException.Quote(unknown)}; only those of ONNX and of ONNX Runtime are supported");
        }

        if (outputs.Count == 0)
        {
            throw reader.Error("it has no graph with outputs");
        }
    }

    /// <summary>Inputs that have no value in the file.</summary>
    internal IReadOnlyList<OnnxValue> Inputs => [.. inputs.Values.Where(input => !initialised.Contains(input.Name))];

    internal IReadOnlyList<OnnxValue> Outputs => outputs;

    /// <summary>Files of external data, all in the folder of the model's file.</summary>
    internal IReadOnlyCollection<string> ExternalFiles => tensors.ExternalFiles;

    /// <summary>Reads and checks a file.</summary>
    /// <param name="package">The package's folder.</param>
    /// <param name="part">The network's folder in it.</param>
    /// <exception cref="InvalidModelException">It is missing, broken or asks for something that is refused.</exception>
    internal static OnnxFile Read(string package, string part)
    {
        string folder = Path.Combine(package, part), name = $"{part}/{FileName}", path = Path.Combine(folder, FileName);
        using var stream = new FileStream(ModelFile.Open(path, name), FileAccess.Read, bufferSize: 0);
        return stream.Length <= MaxBytes
            ? new OnnxFile(folder, name, stream)
            : throw new InvalidModelException($"{name} is larger than 2 GiB; ONNX keeps such weights in external data.");
    }

    private void ReadModel(long end)
    {
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 7:
                    ReadGraph(reader.Nested(type, end), 0);
                    break;
                case 20:
                    throw reader.Error("it holds a training graph");
                case 25:
                    ReadFunction(reader.Nested(type, end));
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
    }

    private void ReadGraph(long end, int depth)
    {
        if (depth > MaxDepth)
        {
            throw reader.Error($"its graphs are nested deeper than {MaxDepth}");
        }

        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 1:
                    ReadNode(reader.Nested(type, end), depth);
                    break;
                case 5:
                    initialised.Add(tensors.Read(reader.Nested(type, end)));
                    break;
                case 11 when depth == 0:
                    OnnxValue input = ReadValue(reader.Nested(type, end));
                    if (!inputs.TryAdd(input.Name, input))
                    {
                        throw reader.Error($"it has two inputs {InvalidModelException.Quote(input.Name)}");
                    }

                    break;
                case 12 when depth == 0:
                    outputs.Add(ReadValue(reader.Nested(type, end)));
                    break;
                case 15:
                    ReadSparse(reader.Nested(type, end));
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
    }

    private void ReadNode(long end, int depth)
    {
        string operation = "", domain = "";
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 4:
                    operation = reader.Text(type, end);
                    break;
                case 5:
                    ReadAttribute(reader.Nested(type, end), depth);
                    break;
                case 7:
                    domain = reader.Text(type, end);
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }

        used.Add(domain);
        if ((domain is "" or "ai.onnx") && _random.Contains(operation))
        {
            throw reader.Error(
                $"it draws random numbers (operator {operation}), so the same seed would not give the same image; "
                    + "export an encoder with its mean or its moments");
        }

        if (operation == "EPContext")
        {
            throw reader.Error("it holds a compiled graph (operator EPContext)");
        }
    }

    private void ReadAttribute(long end, int depth)
    {
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 5 or 10:
                    tensors.Read(reader.Nested(type, end));
                    break;
                case 6 or 11:
                    ReadGraph(reader.Nested(type, end), depth + 1);
                    break;
                case 22 or 23:
                    ReadSparse(reader.Nested(type, end));
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
    }

    private void ReadSparse(long end)
    {
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field is 1 or 2)
            {
                tensors.Read(reader.Nested(type, end));
            }
            else
            {
                reader.Skip(type, end);
            }
        }
    }

    private void ReadFunction(long end)
    {
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 7:
                    ReadNode(reader.Nested(type, end), 0);
                    break;
                case 10:
                    functions.Add(reader.Text(type, end));
                    break;
                case 11:
                    ReadAttribute(reader.Nested(type, end), 0);
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
    }

    private OnnxValue ReadValue(long end)
    {
        string name = "";
        int element = 0;
        long?[]? shape = null;
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field == 1)
            {
                name = reader.Text(type, end);
            }
            else if (field == 2)
            {
                (element, shape) = ReadType(reader.Nested(type, end));
            }
            else
            {
                reader.Skip(type, end);
            }
        }

        return element == 0
            ? throw reader.Error($"its input or output {InvalidModelException.Quote(name)} is not a tensor of a known type")
            : new OnnxValue(name, element, shape);
    }

    // TypeProto > tensor_type > (elem_type, shape > dim*)
    private (int Element, long?[]? Shape) ReadType(long end)
    {
        (int Element, long?[]? Shape) tensor = (0, null);
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field != 1)
            {
                reader.Skip(type, end);
                continue;
            }

            long stop = reader.Nested(type, end);
            while (reader.Next(stop, out field, out type))
            {
                switch (field)
                {
                    case 1:
                        tensor.Element = (int)Math.Clamp(reader.Integer(type, stop), 0, int.MaxValue);
                        break;
                    case 2:
                        tensor.Shape = ReadShape(reader.Nested(type, stop));
                        break;
                    default:
                        reader.Skip(type, stop);
                        break;
                }
            }
        }

        return tensor;
    }

    private long?[] ReadShape(long end)
    {
        const int MaxRank = 16;
        var sizes = new List<long?>();
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field != 1)
            {
                reader.Skip(type, end);
                continue;
            }

            long stop = reader.Nested(type, end);
            long? size = null;
            while (reader.Next(stop, out field, out type))
            {
                if (field == 1)
                {
                    size = reader.Integer(type, stop);
                }
                else
                {
                    reader.Skip(type, stop);
                }
            }

            // Exporters write 0 or -1 for a size that is open.
            sizes.Add(size > 0 ? size : null);
            if (sizes.Count > MaxRank)
            {
                throw reader.Error($"an input or output has more than {MaxRank} dimensions");
            }
        }

        return [.. sizes];
    }
}
