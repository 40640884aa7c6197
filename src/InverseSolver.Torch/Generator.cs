namespace InverseSolver.Torch;

/// <summary>A random number generator with a state of its own. Nothing in this library draws from a global one.</summary>
public sealed class Generator : IDisposable
{
    internal GeneratorHandle Handle { get; }

    /// <summary>A generator on <paramref name="device"/> (the host by default), seeded.</summary>
    public Generator(long seed, Device device = default)
    {
        Native.Check(Native.inv_generator_new((int)device.Type, device.Index, unchecked((ulong)seed), out GeneratorHandle handle));
        Handle = handle;
    }

    /// <summary>The state, a new byte tensor.</summary>
    public Tensor get_state()
    {
        Native.Check(Native.inv_generator_get_state(Handle, out nint state));
        return new Tensor(state);
    }

    /// <summary>Goes on from a state that <see cref="get_state"/> gave.</summary>
    public void set_state(Tensor state) => Native.Check(Native.inv_generator_set_state(Handle, state.Handle));

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
