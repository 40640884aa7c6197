using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using TensorElementType = Microsoft.ML.OnnxRuntime.Tensors.TensorElementType;

namespace InverseSolver.Diffusion.Backends;

/// <summary>A session of ONNX Runtime: the only place that knows the library.</summary>
internal sealed class OnnxSession : IDisposable
{
    // The time limit of the first run, against endless loops in a file.
    private static readonly TimeSpan FirstRun = TimeSpan.FromMinutes(2);
    private readonly InferenceSession _session;
    private volatile RunOptions? _limited;

    private OnnxSession(InferenceSession session) => _session = session;

    /// <summary>libtorch's name of an element type of ONNX; null for unsupported ones.</summary>
    internal static ScalarType? TypeOf(int elementType) => elementType switch
    {
        1 => ScalarType.Float32,
        6 => ScalarType.Int32,
        7 => ScalarType.Int64,
        10 => ScalarType.Float16,
        11 => ScalarType.Float64,
        _ => null,
    };

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The file as messages show it.</param>
    /// <param name="device">The CPU, or a CUDA GPU.</param>
    /// <exception cref="InvalidModelException">The library has no provider for the device, or refuses the file.</exception>
    internal static OnnxSession Open(string path, string name, Device device)
    {
        try
        {
            OrtEnv environment = OrtEnv.Instance();
            environment.EnvLogLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;
            using var options = new SessionOptions
            {
                IntraOpNumThreads = Backend.Threads,
                InterOpNumThreads = 1,
                LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            };

            // Waiting threads must not occupy the cores of libtorch's threads, which compute between two calls.
            options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
            if (device.type == DeviceType.CUDA)
            {
                if (!environment.GetAvailableProviders().Contains("CUDAExecutionProvider"))
                {
                    throw new InvalidModelException(
                        $"{name}: ONNX Runtime in this build computes on the CPU only; build with -p:Gpu=true, or put the models on the CPU (Models:Device).");
                }

                options.AppendExecutionProvider_CUDA(Math.Max(device.index, 0));
            }

            return new OnnxSession(new InferenceSession(path, options));
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidModelException(
                $"{name} is refused by ONNX Runtime: "
                    + $"{NetworkFailedException.Of(new InvalidOperationException(e.Message.Replace(path, name, StringComparison.Ordinal))).Message}.",
                e);
        }
    }

    /// <summary>Until disposal, a run that takes minutes ends with an error.</summary>
    internal IDisposable Limited()
    {
        var options = new RunOptions();
        _limited = options;
        var timer = new Timer(_ => options.Terminate = true, null, FirstRun, Timeout.InfiniteTimeSpan);
        return new Limit(() =>
        {
            _limited = null;
            using var done = new ManualResetEvent(false);
            if (timer.Dispose(done))
            {
                done.WaitOne();
            }

            options.Dispose();
        });
    }

    /// <summary>Runs the graph.</summary>
    /// <param name="inputs">Values by name, with the element type and the shape that the file asks for.</param>
    /// <param name="output">The output's name.</param>
    /// <returns>It, on the host, as float32.</returns>
    /// <exception cref="NetworkFailedException">ONNX Runtime could not.</exception>
    internal Tensor Run(IReadOnlyDictionary<string, (Tensor Value, int ElementType, long[] Shape)> inputs, string output)
    {
        var values = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        using RunOptions? unlimited = _limited is null ? new RunOptions() : null;
        try
        {
            foreach ((string name, (Tensor value, int type, long[] shape)) in inputs)
            {
                values.Add(name, ToOrt(value, type, shape));
            }

            using IDisposableReadOnlyCollection<OrtValue> results = _session.Run(unlimited ?? _limited!, values, [output]);
            return FromOrt(results[0]);
        }
        catch (OnnxRuntimeException e)
        {
            throw NetworkFailedException.Of(e);
        }
        finally
        {
            foreach (OrtValue value in values.Values)
            {
                value.Dispose();
            }
        }
    }

    public void Dispose() => _session.Dispose();

    private static OrtValue ToOrt(Tensor value, int elementType, long[] shape) => TypeOf(elementType) switch
    {
        ScalarType.Float16 => OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(value.ToFloats(), number => (Float16)number), shape),
        ScalarType.Float64 => OrtValue.CreateTensorValueFromMemory(value.ToDoubles(), shape),
        ScalarType.Int32 => OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(value.ToLongs(), number => checked((int)number)), shape),
        ScalarType.Int64 => OrtValue.CreateTensorValueFromMemory(value.ToLongs(), shape),
        _ => OrtValue.CreateTensorValueFromMemory(value.ToFloats(), shape),
    };

    private static Tensor FromOrt(OrtValue value)
    {
        OrtTensorTypeAndShapeInfo info = value.GetTensorTypeAndShape();
        ScalarType type = TypeOf((int)info.ElementDataType) ?? throw new InvalidOperationException($"ONNX Runtime gave {info.ElementDataType}.");
        ReadOnlySpan<byte> bytes = info.ElementDataType switch
        {
            TensorElementType.Float16 => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<Float16>()),
            TensorElementType.Double => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<double>()),
            TensorElementType.Int32 => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<int>()),
            TensorElementType.Int64 => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<long>()),
            _ => MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<float>()),
        };
        using Tensor stored = torch.from_bytes(bytes, info.Shape, type);
        return stored.to(ScalarType.Float32);
    }

    private sealed class Limit(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
