using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>A <see cref="SolverState"/> on the host.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Tensors">The state's tensors by name.</param>
/// <param name="Generators">State of each item's generator.</param>
internal sealed record SavedState(int Step, IReadOnlyDictionary<string, SavedTensor> Tensors, byte[][] Generators)
{
    /// <summary>The state as bytes on the host.</summary>
    public static SavedState Of(SolverState state)
    {
        return new SavedState(
            state.Step,
            state.Tensors.ToDictionary(named => named.Key, named => new SavedTensor(named.Value.shape, named.Value.ToFloats())),
            [.. state.Generators.Select(Saved)]);

        static byte[] Saved(Generator generator)
        {
            using Tensor bytes = generator.get_state();
            return bytes.ToBytes();
        }
    }

    /// <summary>The state to go on from.</summary>
    public SolverState Load(Device device)
    {
        var generators = Generators.Select(bytes =>
        {
            var generator = new Generator(0);
            using Tensor state = torch.from_bytes(bytes, [bytes.Length], ScalarType.Byte);
            generator.Restore(state);
            return generator;
        });
        var loaded = new SolverState(Step, [.. generators], device);
        foreach ((string name, SavedTensor tensor) in Tensors)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            loaded[name] = torch.copy_of(tensor.Values, tensor.Shape).to(device);
        }

        return loaded;
    }
}

/// <summary>A float32 tensor on the host.</summary>
/// <param name="Shape">Its shape.</param>
/// <param name="Values">Its values, the last dimension fastest.</param>
internal sealed record SavedTensor(long[] Shape, float[] Values);
