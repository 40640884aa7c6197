namespace InverseSolver.Torch;

/// <summary>A CUDA stream of this process.</summary>
public sealed class CudaStream : IDisposable
{
    [ThreadStatic]
    private static CudaStream? _current;

    private readonly StreamHandle _handle;
    private readonly int _device;

    /// <summary>A stream from libtorch's pool.</summary>
    /// <exception cref="NativeUnsupportedException">Built without CUDA.</exception>
    public CudaStream(int device)
    {
        Native.Check(Native.inv_stream_new(device, out _handle));
        _device = device;
    }

    /// <summary>The stream that this thread alone was told to use; null where it uses its device's default one, or one that other threads use too.</summary>
    public static CudaStream? Current => _current;

    /// <summary>Makes it this thread's current stream. Several threads may use one stream: what they give it runs in the order of their calls.</summary>
    /// <param name="alone">Whether no other thread gives it work: only then can what it is given be recorded as a graph.</param>
    public void Use(bool alone = true)
    {
        Native.Check(Native.inv_stream_use(_handle, _device));
        _current = alone ? this : null;
    }

    /// <summary>Waits until it has done all it was given.</summary>
    public void Synchronize() => Native.Check(Native.inv_stream_synchronize(_handle));

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}

/// <summary>A recorded sequence of GPU work.</summary>
public sealed class CudaGraph : IDisposable
{
    private readonly GraphHandle _handle;

    /// <summary>An empty graph.</summary>
    /// <exception cref="NativeUnsupportedException">Built without CUDA.</exception>
    public CudaGraph()
    {
        Native.Check(Native.inv_graph_new(out _handle));
    }

    /// <summary>Starts recording what this thread's current stream, which must not be the default one, is given.</summary>
    /// <param name="after">A recorded graph on whose results this one works; it takes over that one's memory pool.</param>
    public void Begin(CudaGraph? after = null) => Native.Check(Native.inv_graph_begin(_handle, after?._handle.DangerousGetHandle() ?? 0));

    /// <summary>Ends recording.</summary>
    public void End() => Native.Check(Native.inv_graph_end(_handle));

    /// <summary>Runs what was recorded.</summary>
    public void Replay() => Native.Check(Native.inv_graph_replay(_handle));

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
