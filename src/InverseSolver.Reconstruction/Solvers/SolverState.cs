using System.Runtime.InteropServices;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// Everything that a run needs of its past: from any state on a solver gives the same bits as a run without a break (on the same device kind, threads,
/// instruction set, libtorch and batch).
/// </summary>
public sealed class SolverState : IDisposable
{
    private readonly Dictionary<string, Tensor> _tensors = [];
    private readonly Device _device;

    internal SolverState(int step, Generator[] generators, Device device)
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

    /// <summary>
    /// The one way in which noise is drawn: from the generators, each item from its own. A recorded run is followed with the noise that was drawn there.
    /// </summary>
    internal NoiseSource Noise { get; set; }

    /// <summary>Noise shaped as a tensor of the run.</summary>
    internal Tensor NoiseLike(Tensor z) => Noise(z.shape[1..]);

    /// <summary>All tensors of the state, by name.</summary>
    internal IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    /// <summary>Another tensor that a solver keeps from step to step, float32, (N, ...). The state owns what is set.</summary>
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
    internal static SolverState Start(long[] seeds, Device device) =>
        new(0, [.. seeds.Select(seed => new Generator((ulong)seed))], device);

    /// <summary>z ~ N(0, I), each item from its own seed.</summary>
    internal static SolverState StartFromNoise(long[] latentShape, long[] seeds, Device device)
    {
        SolverState state = Start(seeds, device);
        state.Latent = state.Noise(latentShape);
        return state;
    }

    /// <summary>Writes the state, to go on from.</summary>
    internal void Write(BinaryWriter writer)
    {
        writer.Write(Step);
        writer.Write(_tensors.Count);
        foreach ((string name, Tensor tensor) in _tensors)
        {
            writer.Write(name);
            writer.Write(tensor.shape.Length);
            foreach (long size in tensor.shape) writer.Write(size);
            writer.Write(MemoryMarshal.AsBytes<float>(tensor.ToFloats()));
        }

        writer.Write(Generators.Count);
        foreach (Generator generator in Generators)
        {
            using Tensor state = generator.get_state();
            byte[] bytes = state.ToBytes();
            writer.Write(bytes.Length);
            writer.Write(bytes);
        }
    }

    /// <summary>Reads a state that <see cref="Write"/> wrote.</summary>
    internal static SolverState Read(BinaryReader reader, Device device)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        int step = reader.ReadInt32();
        var tensors = new Dictionary<string, Tensor>();
        for (int count = reader.ReadInt32(); tensors.Count < count;)
        {
            string name = reader.ReadString();
            long[] shape = [.. Enumerable.Range(0, reader.ReadInt32()).Select(_ => reader.ReadInt64())];
            var values = new float[shape.Aggregate(1L, (product, size) => checked(product * size))];
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            tensors.Add(name, torch.copy_of(values, shape).to(device));
        }

        var generators = new Generator[reader.ReadInt32()];
        for (int i = 0; i < generators.Length; i++)
        {
            byte[] bytes = reader.ReadBytes(reader.ReadInt32());
            generators[i] = new Generator(0);
            using Tensor state = torch.from_bytes(bytes, [bytes.Length], ScalarType.Byte);
            generators[i].Restore(state);
        }

        var read = new SolverState(step, generators, device);
        foreach ((string name, Tensor tensor) in tensors) read[name] = tensor;
        return read;
    }

    private Tensor Draw(params long[] shape)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return torch.stack([.. Generators.Select(g => torch.randn(shape, g, ScalarType.Float32, _device))]).MoveToOuterDisposeScope();
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
