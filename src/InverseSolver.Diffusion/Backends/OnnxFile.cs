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
    private static readonly string[] Domains = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];
    private static readonly string[] Random = ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"];

    private readonly ProtobufReader _reader;
    private readonly OnnxTensors _tensors;
    private readonly Dictionary<string, OnnxValue> _inputs = new(StringComparer.Ordinal);
    private readonly List<OnnxValue> _outputs = [];
    private readonly HashSet<string> _initialised = new(StringComparer.Ordinal), _used = new(StringComparer.Ordinal), _functions = new(StringComparer.Ordinal);

    private OnnxFile(string folder, string name, Stream stream)
    {
        _reader = new ProtobufReader(stream, name);
        _tensors = new OnnxTensors(_reader, folder, name);
        ReadModel(stream.Length);
        if (_used.FirstOrDefault(domain => !Domains.Contains(domain) && !_functions.Contains(domain)) is { } unknown)
        {
            throw _reader.Error(
                $"it uses operators of the domain {InvalidModelException.Quote(unknown)}; only those of ONNX and of ONNX Runtime are supported");
        }

        if (_outputs.Count == 0)
        {
            throw _reader.Error("it has no graph with outputs");
        }
    }

    /// <summary>Inputs that have no value in the file.</summary>
    internal IReadOnlyList<OnnxValue> Inputs => [.. _inputs.Values.Where(input => !_initialised.Contains(input.Name))];

    internal IReadOnlyList<OnnxValue> Outputs => _outputs;

    /// <summary>Files of external data, all in the folder of the model's file.</summary>
    internal IReadOnlyCollection<string> ExternalFiles => _tensors.ExternalFiles;

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
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 7:
                    ReadGraph(_reader.Nested(type, end), 0);
                    break;
                case 20:
                    throw _reader.Error("it holds a training graph");
                case 25:
                    ReadFunction(_reader.Nested(type, end));
                    break;
                default:
                    _reader.Skip(type, end);
                    break;
            }
        }
    }

    private void ReadGraph(long end, int depth)
    {
        if (depth > MaxDepth)
        {
            throw _reader.Error($"its graphs are nested deeper than {MaxDepth}");
        }

        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 1:
                    ReadNode(_reader.Nested(type, end), depth);
                    break;
                case 5:
                    _initialised.Add(_tensors.Read(_reader.Nested(type, end)));
                    break;
                case 11 when depth == 0:
                    OnnxValue input = ReadValue(_reader.Nested(type, end));
                    if (!_inputs.TryAdd(input.Name, input))
                    {
                        throw _reader.Error($"it has two inputs {InvalidModelException.Quote(input.Name)}");
                    }

                    break;
                case 12 when depth == 0:
                    _outputs.Add(ReadValue(_reader.Nested(type, end)));
                    break;
                case 15:
                    ReadSparse(_reader.Nested(type, end));
                    break;
                default:
                    _reader.Skip(type, end);
                    break;
            }
        }
    }

    private void ReadNode(long end, int depth)
    {
        string operation = "", domain = "";
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 4:
                    operation = _reader.Text(type, end);
                    break;
                case 5:
                    ReadAttribute(_reader.Nested(type, end), depth);
                    break;
                case 7:
                    domain = _reader.Text(type, end);
                    break;
                default:
                    _reader.Skip(type, end);
                    break;
            }
        }

        _used.Add(domain);
        if ((domain is "" or "ai.onnx") && Random.Contains(operation))
        {
            throw _reader.Error(
                $"it draws random numbers (operator {operation}), so the same seed would not give the same image; "
                    + "export an encoder with its mean or its moments");
        }

        if (operation == "EPContext")
        {
            throw _reader.Error("it holds a compiled graph (operator EPContext)");
        }
    }

    private void ReadAttribute(long end, int depth)
    {
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 5 or 10:
                    _tensors.Read(_reader.Nested(type, end));
                    break;
                case 6 or 11:
                    ReadGraph(_reader.Nested(type, end), depth + 1);
                    break;
                case 22 or 23:
                    ReadSparse(_reader.Nested(type, end));
                    break;
                default:
                    _reader.Skip(type, end);
                    break;
            }
        }
    }

    private void ReadSparse(long end)
    {
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field is 1 or 2)
            {
                _tensors.Read(_reader.Nested(type, end));
            }
            else
            {
                _reader.Skip(type, end);
            }
        }
    }

    private void ReadFunction(long end)
    {
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 7:
                    ReadNode(_reader.Nested(type, end), 0);
                    break;
                case 10:
                    _functions.Add(_reader.Text(type, end));
                    break;
                case 11:
                    ReadAttribute(_reader.Nested(type, end), 0);
                    break;
                default:
                    _reader.Skip(type, end);
                    break;
            }
        }
    }

    private OnnxValue ReadValue(long end)
    {
        string name = "";
        int element = 0;
        long?[]? shape = null;
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field == 1)
            {
                name = _reader.Text(type, end);
            }
            else if (field == 2)
            {
                (element, shape) = ReadType(_reader.Nested(type, end));
            }
            else
            {
                _reader.Skip(type, end);
            }
        }

        return element == 0
            ? throw _reader.Error($"its input or output {InvalidModelException.Quote(name)} is not a tensor of a known type")
            : new OnnxValue(name, element, shape);
    }

    // TypeProto > tensor_type > (elem_type, shape > dim*)
    private (int Element, long?[]? Shape) ReadType(long end)
    {
        (int Element, long?[]? Shape) tensor = (0, null);
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field != 1)
            {
                _reader.Skip(type, end);
                continue;
            }

            long stop = _reader.Nested(type, end);
            while (_reader.Next(stop, out field, out type))
            {
                switch (field)
                {
                    case 1:
                        tensor.Element = (int)Math.Clamp(_reader.Integer(type, stop), 0, int.MaxValue);
                        break;
                    case 2:
                        tensor.Shape = ReadShape(_reader.Nested(type, stop));
                        break;
                    default:
                        _reader.Skip(type, stop);
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
        while (_reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field != 1)
            {
                _reader.Skip(type, end);
                continue;
            }

            long stop = _reader.Nested(type, end);
            long? size = null;
            while (_reader.Next(stop, out field, out type))
            {
                if (field == 1)
                {
                    size = _reader.Integer(type, stop);
                }
                else
                {
                    _reader.Skip(type, stop);
                }
            }

            // Exporters write 0 or -1 for a size that is open.
            sizes.Add(size > 0 ? size : null);
            if (sizes.Count > MaxRank)
            {
                throw _reader.Error($"an input or output has more than {MaxRank} dimensions");
            }
        }

        return [.. sizes];
    }
}
