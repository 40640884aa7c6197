namespace InverseSolver.Service.Access;

/// <summary>Who may reach the service.</summary>
internal sealed class AccessOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Access";

    /// <summary>Whether the service may listen beyond loopback, where anybody who reaches it may use it.</summary>
    public bool AllowAnonymous { get; init; }
}
