namespace InverseSolver.Diffusion.Packages;

/// <summary>The right to use a loaded model. While it lasts the model stays in memory; whoever holds it disposes it, not the model.</summary>
public sealed class ModelLease : IDisposable
{
    private Action? release;

    internal ModelLease(LatentModel model, Action release)
    {
        Model = model;
        this.release = release;
    }

    /// <summary>The model, not to be used after <see cref="Dispose"/>.</summary>
    public LatentModel Model { get; }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref release, null)?.Invoke();
}
