namespace InverseSolver.Torch;

/// <summary>A stretch of code on one thread in which gradients are recorded, or not.</summary>
public readonly struct GradMode : IDisposable, IEquatable<GradMode>
{
    private readonly int _before;

    internal GradMode(bool enabled) => _before = Native.inv_grad_mode_set(enabled ? 1 : 0);

    /// <summary>Goes back to the mode before.</summary>
    public void Dispose() => _ = Native.inv_grad_mode_set(_before);

    /// <inheritdoc/>
    public bool Equals(GradMode other) => _before == other._before;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is GradMode other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _before;

    public static bool operator ==(GradMode a, GradMode b) => a.Equals(b);

    public static bool operator !=(GradMode a, GradMode b) => !a.Equals(b);
}
