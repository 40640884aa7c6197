namespace InverseSolver.Torch;

/// <summary>Owns the tensors that are made on this thread while it is the innermost scope, and disposes them at its end.</summary>
public sealed class DisposeScope : IDisposable
{
    [ThreadStatic]
    private static DisposeScope? _current;

    private readonly DisposeScope? _outer;
    private readonly List<Tensor> _tensors = [];
    private bool _disposed;

    internal DisposeScope()
    {
        _outer = _current;
        _current = this;
    }

    internal static DisposeScope? Current => _current;

    /// <summary>Gives a tensor of this scope to the scope outside, or to nobody when there is none.</summary>
    public Tensor MoveToOuter(Tensor tensor)
    {
        tensor.Scope = _outer;
        _outer?._tensors.Add(tensor);
        return tensor;
    }

    internal void Add(Tensor tensor) => _tensors.Add(tensor);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (_current != this)
        {
            throw new InvalidOperationException("Dispose scopes end in the opposite order of their beginnings, on the same thread.");
        }

        _current = _outer;
        foreach (Tensor tensor in _tensors)
        {
            if (tensor.Scope == this)
            {
                tensor.Dispose();
            }
        }
    }
}
