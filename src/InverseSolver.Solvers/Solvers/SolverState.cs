using InverseSolver.Torch;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// Everything that a run still needs of its past: a solver advances it step by step, and from any state on it gives the same bits as a
/// run without a break (on the same device kind, threads, instruction set, libtorch and batch).
/// </summary>
public sealed class SolverState : IDisposable
{
    private SolverState(int step, Tensor latent, Generator[] generators)
    {
        (Step, Latent, Generators) = (step, latent.DetachFromDisposeScope(), generators);
    }

    /// <summary>Steps done.</summary>
    public int Step { get; internal set; }

    /// <summary>z, (N, c, h, w).</summary>
    public Tensor Latent { get; private set; }

    /// <summary>The image, (N, C, H, W) in [0,1], once the run is over.</summary>
    public Tensor? Image { get; private set; }

    /// <summary>One generator for each item, on the host.</summary>
    public IReadOnlyList<Generator> Generators { get; }

    /// <summary>z ~ N(0, I), each item from its own seed.</summary>
    internal static SolverState Start(long[] latentShape, long[] seeds, Device device)
    {
        Generator[] generators = [.. seeds.Select(seed => new Generator(seed))];
        return new SolverState(0, Noise(generators, latentShape, device), generators);
    }

    /// <summary>Standard normal noise, (N, ...shape), each item from its own generator.</summary>
    internal Tensor Noise(long[] shape) => Noise(Generators, shape, Latent.device);

    internal void SetLatent(Tensor latent)
    {
        Latent.Dispose();
        Latent = latent.DetachFromDisposeScope();
    }

    internal void SetImage(Tensor image) => Image = image.DetachFromDisposeScope();

    /// <summary>The state as bytes on the host, to go on from later.</summary>
    public SavedState Save()
    {
        return new SavedState(Step, Latent.shape, Latent.ToFloats(), [.. Generators.Select(Saved)]);

        static byte[] Saved(Generator generator)
        {
            using Tensor state = generator.get_state();
            return state.ToBytes();
        }
    }

    /// <summary>Goes on from a saved state.</summary>
    public static SolverState Load(SavedState saved, Device device)
    {
        using Tensor onHost = torch.tensor(saved.Latent, saved.LatentShape);
        var generators = saved.Generators.Select(bytes =>
        {
            var generator = new Generator(0);
            using Tensor state = torch.from_bytes(bytes, [bytes.Length], ScalarType.Byte);
            generator.set_state(state);
            return generator;
        });
        return new SolverState(saved.Step, onHost.to(device), [.. generators]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Latent.Dispose();
        Image?.Dispose();
        foreach (Generator generator in Generators)
        {
            generator.Dispose();
        }
    }

    private static Tensor Noise(IReadOnlyList<Generator> generators, long[] shape, Device device)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return torch.stack([.. generators.Select(g => torch.randn(shape, g, ScalarType.Float32, device))]).MoveToOuterDisposeScope();
    }
}

/// <summary>A <see cref="SolverState"/> on the host.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="LatentShape">(N, c, h, w).</param>
/// <param name="Latent">z.</param>
/// <param name="Generators">State of each item's generator.</param>
public sealed record SavedState(int Step, long[] LatentShape, float[] Latent, byte[][] Generators);
