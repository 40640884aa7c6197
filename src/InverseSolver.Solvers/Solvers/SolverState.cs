namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// Everything that a run still needs of its past: a solver advances it step by step, and from any state on it gives the same bits as a
/// run without a break (on the same device kind, threads, instruction set, libtorch and batch).
/// </summary>
public sealed class SolverState : IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = [];
    private readonly Device _device;

    private SolverState(int step, Generator[] generators, Device device)
    {
        (Step, Generators, _device) = (step, generators, device);
        Noise = Draw;
    }

    /// <summary>Standard normal noise, (N, ...shape).</summary>
    internal delegate Tensor NoiseSource(params long[] shape);

    /// <summary>Steps done.</summary>
    public int Step { get; internal set; }

    /// <summary>z, or x of a model in pixel space, (N, c, h, w), of the solvers that have one.</summary>
    public Tensor Latent { get => this["latent"]; internal set => this["latent"] = value; }

    /// <summary>The image, (N, C, H, W) in [0,1], once the run is over.</summary>
    public Tensor? Image { get => _tensors.GetValueOrDefault("image"); internal set => this["image"] = value!; }

    /// <summary>One generator for each item, on the host.</summary>
    public IReadOnlyList<Generator> Generators { get; }

    /// <summary>The one way in which noise is drawn: from the generators, each item from its own. A recorded run is followed with the noise that was drawn there.</summary>
    internal NoiseSource Noise { get; set; }

    /// <summary>What else a solver keeps from step to step, float32, (N, ...). The state owns what is set.</summary>
    internal Tensor this[string name]
    {
        get => _tensors[name];
        set
        {
            if (_tensors.TryGetValue(name, out Tensor? old) && !ReferenceEquals(old, value))
            {
                old.Dispose();
            }

            _tensors[name] = value.DetachFromDisposeScope();
        }
    }

    /// <summary>A state without tensors.</summary>
    internal static SolverState Start(long[] seeds, Device device) => new(0, [.. seeds.Select(seed => new Generator((ulong)seed))], device);

    /// <summary>z ~ N(0, I), each item from its own seed.</summary>
    internal static SolverState StartFromNoise(long[] latentShape, long[] seeds, Device device)
    {
        SolverState state = Start(seeds, device);
        state.Latent = state.Noise(latentShape);
        return state;
    }

    private Tensor Draw(params long[] shape)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return torch.stack([.. Generators.Select(g => torch.randn(shape, g, ScalarType.Float32, _device))]).MoveToOuterDisposeScope();
    }

    /// <summary>The state as bytes on the host, to go on from later.</summary>
    public SavedState Save()
    {
        return new SavedState(
            Step, _tensors.ToDictionary(named => named.Key, named => new SavedTensor(named.Value.shape, named.Value.ToFloats())), [.. Generators.Select(Saved)]);

        static byte[] Saved(Generator generator)
        {
            using Tensor state = generator.get_state();
            return state.ToBytes();
        }
    }

    /// <summary>Goes on from a saved state.</summary>
    public static SolverState Load(SavedState saved, Device device)
    {
        var generators = saved.Generators.Select(bytes =>
        {
            var generator = new Generator(0);
            using Tensor state = torch.from_bytes(bytes, [bytes.Length], ScalarType.Byte);
            generator.Restore(state);
            return generator;
        });
        var loaded = new SolverState(saved.Step, [.. generators], device);
        foreach ((string name, SavedTensor tensor) in saved.Tensors)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            loaded[name] = torch.copy_of(tensor.Values, tensor.Shape).to(device);
        }

        return loaded;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }

        foreach (Generator generator in Generators)
        {
            generator.Dispose();
        }
    }
}

/// <summary>A <see cref="SolverState"/> on the host.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Tensors">The state's tensors by name.</param>
/// <param name="Generators">State of each item's generator.</param>
public sealed record SavedState(int Step, IReadOnlyDictionary<string, SavedTensor> Tensors, byte[][] Generators);

/// <summary>A float32 tensor on the host.</summary>
/// <param name="Shape">Its shape.</param>
/// <param name="Values">Its values, the last dimension fastest.</param>
public sealed record SavedTensor(long[] Shape, float[] Values);
