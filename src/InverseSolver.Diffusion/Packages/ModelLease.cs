namespace InverseSolver.Diffusion.Packages;

/// <summary>A lease of a loaded model, which stays in memory meanwhile. Its holder disposes the lease, not the model.</summary>
public sealed class ModelLease : IDisposable
{
    private Action? _release;

    internal ModelLease(LatentModel model, Action release)
    {
        Model = model;
        _release = release;
    }

    /// <summary>The model, not to be used after <see cref="Dispose"/>.</summary>
    public LatentModel Model { get; }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
